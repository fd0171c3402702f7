import { describe, expect, test } from 'vitest';
import { inkOn, type Picture, runsOf, windowColors } from '../../../../src/visualizer/model/export/picture.ts';
import { frameOf, MAX_RUNS, svgOf } from '../../../../src/visualizer/model/export/svg.ts';
import {
  exportView,
  fileName,
  firstWindow,
  fittingCell,
  MAX_SIDE,
  viewsOf,
} from '../../../../src/visualizer/model/export/views.ts';
import type { Grid, Paint } from '../../../../src/visualizer/model/grid.ts';
import type { RegisterView } from '../../../../src/visualizer/model/grids/index.ts';
import { PRESETS } from '../../../../src/visualizer/model/presets.ts';
import type { Scene } from '../../../../src/visualizer/model/scene.ts';
import { bindSubject } from '../../../../src/visualizer/model/subject.ts';

const INKS = { background: '#ffffff', text: '#000000', muted: '#555555', border: '#222222' };

function sceneOf(id: string): Scene {
  const preset = PRESETS.find((candidate) => candidate.id === id);
  if (preset === undefined) throw new Error(`no preset ${id}`);
  return preset.scene;
}

function pictureOf(id: string, view: 'logical' | 'memory' | 'register' | 'scale' = 'logical', cell?: number): Picture {
  const scene = sceneOf(id);
  const subject = bindSubject(scene);
  const registers: RegisterView = {
    layout: subject.tensor.layout,
    registers: subject.registers,
    bits: subject.bits,
    tile: 0,
  };
  const shown = exportView(view, scene, subject, registers, 'light');
  const window = firstWindow(shown.grid, { row: 0, column: 0 });
  return { ...shown, window, cell: cell ?? fittingCell(window), link: 'https://example.org/#v=1&a=<"x">', inks: INKS };
}

/** Names of the elements in document order; throws where a tag is not closed or an entity is not known. */
function elementsOf(xml: string): readonly string[] {
  const names: string[] = [];
  const open: string[] = [];
  for (const [, close, name, attributes, empty, between] of xml.matchAll(
    /<(\/?)([a-z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>([^<]*)/g,
  )) {
    if (/&(?!(amp|lt|gt|quot);)/.test(`${attributes}${between}`)) throw new Error(`entity in ${attributes}${between}`);
    if (close === '/') {
      if (open.pop() !== name) throw new Error(`</${name}> closes another element`);
    } else {
      names.push(name ?? '');
      if (empty !== '/') open.push(name ?? '');
    }
  }
  expect(open).toEqual([]);
  return names;
}

describe('SVG', () => {
  test.each(PRESETS.filter(({ group }) => group !== 'model').map(({ id }) => [id]))(
    '%s: every tag is closed, every view has its parts',
    (id) => {
      const scene = sceneOf(id);
      for (const view of viewsOf(bindSubject(scene))) {
        const svg = svgOf(pictureOf(id, view), 'auto');
        const names = elementsOf(svg);
        expect(names[0]).toBe('svg');
        expect(names).toContain('rect');
        expect(names).toContain('a');
        expect(svg).toContain('href="https://example.org/#v=1&amp;a=&lt;&quot;x&quot;&gt;"');
      }
    },
  );

  test('neighbours of one colour are one rectangle', () => {
    const svg = svgOf(pictureOf('weight-fp8'), 'auto');
    // 8192 elements; 16 columns of a row are one lane.
    expect(elementsOf(svg).filter((name) => name === 'rect').length).toBeLessThan(700);
    expect(svg).toContain('shuffle_weight(16,16), e4m3fn [64, 128]');
    expect(svg).toContain('>k=64<');
  });

  test('large cells hold their texts', () => {
    const svg = svgOf(pictureOf('mfma.16x16x128.CD.f32', 'logical', 48), 'auto');
    expect(elementsOf(svg).filter((name) => name === 'text').length).toBeGreaterThan(256);
  });

  test('dense cells are one raster, asked for once', () => {
    let asked = 0;
    const raster = (): string => {
      asked += 1;
      return 'data:image/png;base64,AAAA';
    };
    const grid: Grid = {
      rows: 300,
      columns: 300,
      keyAt: (row, column) => row * 300 + column,
      cellOf: () => undefined,
      blocks: [{ rows: 100, columns: 100, kind: 'tile' }],
      rowLabel: String,
      columnLabel: String,
    };
    const paint: Paint = {
      fill(keys, count, out) {
        for (let at = 0; at < count; at += 1) out[at] = 0xff000000 | (((keys[at] as number) * 7919) & 0xffffff);
      },
      text: () => [],
    };
    const dense: Picture = { ...pictureOf('weight-fp8'), grid, paint, cell: 2 };
    const svg = svgOf({ ...dense, window: { row: 0, column: 0, rows: 300, columns: 300 } }, 'auto', raster);
    expect(asked).toBe(1);
    expect(elementsOf(svg).filter((name) => name === 'image')).toHaveLength(1);
    const small = svgOf({ ...dense, window: { row: 0, column: 0, rows: 100, columns: 100 } }, 'auto', raster);
    expect(asked).toBe(1);
    expect(elementsOf(small).filter((name) => name === 'rect').length).toBeLessThan(MAX_RUNS);
  });

  test('padding is hatched', () => {
    expect(svgOf(pictureOf('scale-shuffled-padded', 'memory'), 'auto')).toContain('fill="url(#hatch)"');
  });
});

describe('runs', () => {
  test('cover every cell with its colour, once', () => {
    const { grid, paint, window } = pictureOf('scale-shuffled-padded', 'memory');
    const colors = windowColors({ grid, paint }, window);
    const painted = new Uint32Array(colors.length);
    let overlaps = 0;
    for (const { row, column, rows, columns, color } of runsOf(colors, window))
      for (let y = row; y < row + rows; y += 1)
        for (let x = column; x < column + columns; x += 1) {
          if (painted[y * window.columns + x] !== 0) overlaps += 1;
          painted[y * window.columns + x] = color;
        }
    expect(overlaps).toBe(0);
    expect(painted).toEqual(colors);
  });
});

describe('sizes', () => {
  test.each(PRESETS.map(({ id }) => [id]))('%s fits a file at twice its size', (id) => {
    for (const view of viewsOf(bindSubject(sceneOf(id)))) {
      const { width, height } = frameOf(pictureOf(id, view));
      expect(2 * Math.max(width, height)).toBeLessThanOrEqual(MAX_SIDE);
    }
  });

  test('a large grid begins around the pinned element', () => {
    const { grid } = pictureOf('deepseek-weight');
    expect(firstWindow(grid, { row: 517, column: 7167 })).toEqual({ row: 512, column: 6912, rows: 256, columns: 256 });
  });

  test('the whole of a model fits with cells below a pixel', () => {
    expect(fittingCell({ row: 0, column: 0, rows: 4096, columns: 7168 })).toBeCloseTo(3072 / 7168);
  });

  test('names of files hold nothing that a file system refuses', () => {
    const subject = bindSubject(sceneOf('gate-up-interleave'));
    expect(fileName(subject, 'memory', 'png')).toBe('shuffle_weight_guinterleave_gate_up-e2m1-2x64x256-memory.png');
  });

  test('text is black on light cells and white on dark ones', () => {
    expect([inkOn(0xffffffff), inkOn(0xff000000), inkOn(0xff00ffff), inkOn(0xff800000)]).toEqual([
      '#000000',
      '#ffffff',
      '#000000',
      '#ffffff',
    ]);
  });
});
