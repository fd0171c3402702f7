import { describe, expect, test } from 'vitest';
import { makePaint } from '../../../../src/visualizer/model/colors.ts';
import { csvOf } from '../../../../src/visualizer/model/export/csv.ts';
import { markdownOfElements, markdownOfTile } from '../../../../src/visualizer/model/export/markdown.ts';
import { windowColors } from '../../../../src/visualizer/model/export/picture.ts';
import { selectionCoords, wholeTensor } from '../../../../src/visualizer/model/export/selection.ts';
import { subjectPictures } from '../../../../src/visualizer/model/export/subject-pictures.ts';
import { exportView, fileName } from '../../../../src/visualizer/model/export/views.ts';
import { DEFAULT_SCENE, type Scene } from '../../../../src/visualizer/model/scene.ts';
import { bindSubject, type Subject } from '../../../../src/visualizer/model/subject.ts';
import { dataRange, rangePaint } from '../../../../src/visualizer/model/tensor-paint.ts';

/** fp8 weights of rows that grow, with a scale of two for each block. */
const SCENE: Scene = {
  ...DEFAULT_SCENE,
  screen: 'tensor',
  a: 'row-major',
  shape: [32, 64],
  color: 'code',
  scale: { block: [1, 32], type: 'e8m0', layout: 'row-major' },
};
const FILE = {
  name: 'model.layers.0/w',
  codeAt: (offset: number): number => 0x20 + Math.floor(offset / 64),
  scaleCodeAt: (): number => 128,
};
const subject = bindSubject(SCENE, FILE);
const registers = { layout: subject.tensor.layout, registers: subject.registers, bits: 8, tile: 0 };
const window = { row: 0, column: 0, rows: 32, columns: 64 };

const viewOf = (byRange: boolean | undefined, shown: Subject = subject) =>
  exportView('logical', SCENE, shown, registers, 'light', {
    name: FILE.name,
    tensorScreen: byRange === undefined ? undefined : { byRange },
  });

describe('a tensor of a file', () => {
  test('is coloured over the range of its data, as on the screen', () => {
    const shown = viewOf(true);
    const { grid } = shown;
    expect(windowColors(shown, window)).toEqual(windowColors({ grid, paint: rangePaint(subject, 'light') }, window));
    // The data, not addresses: every row has one colour, and no two neighbours the same.
    const colors = windowColors(shown, window);
    for (let row = 1; row < 31; row += 1) {
      expect(new Set(colors.subarray(64 * row, 64 * row + 64)).size).toBe(1);
      expect(colors[64 * row]).not.toBe(colors[64 * (row - 1)]);
    }
    const range = dataRange(subject.tensor);
    expect(range).toBeDefined();
    expect(shown.legend).toMatchObject({
      title: 'Magnitude',
      ramp: { low: String(Number((2 ** (range?.low ?? 0)).toPrecision(3))) },
    });
    expect(shown.title).toBe('model.layers.0/w: row-major, e4m3fn [32, 64]');
    expect(shown.lines[1]).toBe('Logical order, coloured by magnitude over the range of the data');
    // Code, value, scale and what the two make, as a cell of the screen.
    expect(shown.paint.text(0)).toEqual(['0x20', '0.125', '× 2', '= 0.25']);
  });

  test('has the colours that are chosen instead', () => {
    const shown = viewOf(false);
    const { grid } = shown;
    expect(windowColors(shown, window)).toEqual(
      windowColors({ grid, paint: makePaint(subject, 'code', 'light') }, window),
    );
    expect(shown.legend.title).toBe('Code');
    expect(shown.paint.text(0)[3]).toBe('= 0.25');
  });

  test('has the colours and texts of the Lens there', () => {
    const shown = viewOf(undefined);
    expect(shown.title).toBe('model.layers.0/w: row-major, e4m3fn [32, 64]');
    expect(shown.paint.text(0)).toEqual(['0x20', '0.125', '0x0', '0,0']);
  });

  test('of zeros has the legend of values', () => {
    expect(viewOf(true, bindSubject(SCENE, { ...FILE, codeAt: () => 0 })).legend.title).toBe('Value');
  });

  test('gives its own codes and name to tables and files', () => {
    const coords = selectionCoords(wholeTensor(subject.tensor.layout));
    const lines = csvOf(subject, coords).trimEnd().split('\n');
    expect(lines[1 + 64 * 5]).toMatch(/^5,0,320,320,0,0x25,0\.203125,2,0\.40625,/);
    expect(markdownOfElements(subject, [[5, 0]], 'L', FILE.name)).toMatch(
      /^`model\.layers\.0\/w`: \*\*Row-major\*\*, e4m3fn \[32, 64\]/,
    );
    expect(markdownOfTile(subject, wholeTensor(subject.tensor.layout), 'code', 'L', FILE.name)).toContain('| 0x25 |');
    expect(fileName(subject, 'logical', 'png', FILE.name)).toBe('model.layers.0_w-row_major-e4m3fn-32x64-logical.png');
  });
});

test('pictures begin with the view that the screen shows, around the last pin that is there', () => {
  const scene = {
    ...SCENE,
    pins: [
      [5, 6],
      [99, 0],
    ],
  };
  const source = subjectPictures(
    scene,
    subject,
    registers,
    'L',
    { name: 'w', tensorScreen: { byRange: true } },
    'memory',
  );
  expect(source.first).toBe('memory');
  expect(source.views.map(([id]) => id)).toEqual(['logical', 'memory', 'register', 'scale']);
  const { grid } = source.show('logical', 'light');
  expect(source.around?.('logical', grid)).toEqual({ row: 5, column: 6 });
  expect(source.onScreen?.('memory')).toBe('.view-memory [data-plot]');
});
