import { describe, expect, it } from 'vitest';
import { codeValue } from '../../../src/formats/read-codes.ts';
import { scaleCoord } from '../../../src/tensor/describe-element.ts';
import { blockClass, blockCoord, mixedClass, tileOf } from '../../../src/visualizer/model/color-classes.ts';
import { colorLegend } from '../../../src/visualizer/model/color-legend.ts';
import { colorOfCode } from '../../../src/visualizer/model/color-values.ts';
import { classesOf, LINE_STEPS, makePaint } from '../../../src/visualizer/model/colors.ts';
import { commonColors } from '../../../src/visualizer/model/palettes.ts';
import { COLORS, type ColorId, DEFAULT_SCENE, type Scene } from '../../../src/visualizer/model/scene.ts';
import { bindSubject, type Subject } from '../../../src/visualizer/model/subject.ts';

const SCENES: readonly Partial<Scene>[] = [
  { shape: [64, 128] },
  { shape: [48, 96], registers: 'mfma.16x16x128.B.fp8' },
  { a: 'row-major', shape: [3, 40, 200], registers: 'mfma.32x32x64.A.fp8' },
  { a: 'column-major', shape: [17, 33], type: 'f32', registers: 'load4' },
  {
    a: 'shuffle_weight(guinterleave,gate_up)',
    shape: [3, 64, 256],
    type: 'e2m1',
    scale: { block: [1, 32], type: 'e8m0', layout: 'shuffle_scale(guinterleave,gate_up)' },
  },
  {
    a: 'gate_up_interleaved',
    shape: [2, 16, 24],
    type: 'bf16',
    scale: { block: [4, 8], type: 'f32', layout: 'row-major' },
  },
  { a: 'shuffle_scale', shape: [100, 11], type: 'e8m0' },
  { a: 'shuffle_scale(guinterleave)', shape: [96, 11], type: 'e8m0', experts: 3 },
  { a: 'shuffle_mxfp8fp4_scale', shape: [40, 8], type: 'e8m0', registers: 'mfma.16x16x128.A.fp8' },
  { a: '(n0 n1:7 | pad 14) (k0 k1:5) -> n0 k1 n1 k0', shape: [30, 25], type: 'u8' },
  { a: 'mfma.16x16x128.B.fp4', shape: [1], type: 'e2m1', registers: 'mfma.16x16x128.B.fp4' },
];

/** The class of an element, straight from its coordinate and its place; the number of classes where it has none. */
function slowClass(subject: Subject, color: Exclude<ColorId, 'value' | 'code'>, key: number): number {
  const { tensor, bits, registers, scale } = subject;
  const { layout } = tensor;
  const coord = layout.coord(key) ?? [];
  const byte = Math.floor((key * bits) / 8);
  switch (color) {
    case 'lane':
      return registers.placeOf(layout, key, bits)?.lane ?? 64;
    case 'vgpr':
      return registers.placeOf(layout, key, bits)?.vgpr ?? registers.vgprs;
    case 'bank':
      return Math.floor(byte / 4) % 64;
    case 'line': {
      const lines = Math.ceil((layout.storageSize * bits) / 128);
      const line = Math.floor(byte / 16);
      return 2 * Math.floor((line * LINE_STEPS) / lines) + (line % 2);
    }
    case 'tile': {
      const tile = tileOf(subject);
      return tile.by === 'load'
        ? mixedClass(registers.placeOf(layout, key, bits)?.tile ?? 0)
        : blockClass(blockCoord(coord, tile));
    }
    case 'scale':
      return scale === undefined ? 0 : blockClass(scaleCoord(scale, layout.shape, coord));
    case 'expert': {
      const leading = coord.slice(0, -2);
      const experts = leading.reduce((index, at, axis) => index * (layout.shape[axis] as number) + at, 0);
      const stacked = layout.dims[0]?.factors.find(({ name }) => name === 'e');
      const expert =
        stacked === undefined ? experts : Math.floor((coord[0] ?? 0) / ((layout.shape[0] as number) / stacked.size));
      return expert % 8;
    }
  }
}

function slowColors(subject: Subject, color: ColorId): (key: number) => number {
  const { tensor } = subject;
  const { padding, none } = commonColors('dark');
  const isCode = color === 'value' || color === 'code';
  const palette = isCode ? [] : classesOf(subject, color, 'dark').palette;
  return (key) => {
    if (tensor.layout.coord(key) === undefined) return padding;
    if (isCode) return colorOfCode(tensor.type, tensor.codeAt(key), color, 'dark');
    return palette[slowClass(subject, color, key)] ?? none;
  };
}

describe('makePaint', () => {
  it.each(SCENES)('gives every element of $a $shape the colour of its coordinate', (fields) => {
    const subject = bindSubject({ ...DEFAULT_SCENE, a: 'shuffle_weight(16,16)', ...fields });
    const size = subject.tensor.layout.storageSize;
    const keys = Float64Array.from({ length: size }, (_, at) => (at * 7919) % size);
    for (const color of COLORS) {
      const out = new Uint32Array(size);
      makePaint(subject, color, 'dark').fill(keys, size, out);
      const slow = slowColors(subject, color);
      const wrong = keys.findIndex((key, at) => out[at] !== slow(key));
      expect([color, wrong === -1 ? -1 : keys[wrong]]).toEqual([color, -1]);
    }
  });

  it('reaches the last expert of a tensor beyond 2^31 elements', () => {
    const subject = bindSubject({
      ...DEFAULT_SCENE,
      a: 'shuffle_weight(guinterleave,gate_up)',
      type: 'e2m1',
      shape: [128, 5760, 3072],
      scale: { block: [1, 32], type: 'e8m0', layout: 'shuffle_scale(guinterleave,gate_up)' },
    });
    const { storageSize } = subject.tensor.layout;
    expect(storageSize).toBeGreaterThan(2 ** 31);
    const keys = Float64Array.from({ length: 200 }, (_, at) => Math.floor((storageSize * (at + 0.5)) / 200));
    for (const color of COLORS) {
      const out = new Uint32Array(200);
      makePaint(subject, color, 'dark').fill(keys, 200, out);
      expect([color, ...out]).toEqual([color, ...Array.from(keys, slowColors(subject, color))]);
    }
  });

  it('writes code, value, byte and coordinate', () => {
    const subject = bindSubject({ ...DEFAULT_SCENE, type: 'e2m1', shape: [16, 64] });
    const key = subject.tensor.layout.offset([3, 41]);
    const code = subject.tensor.codeAt(key);
    expect(makePaint(subject, 'lane', 'light').text(key)).toEqual([
      `0x${code.toString(16)}`,
      String(codeValue('e2m1', code)),
      `0x${Math.floor(key / 2).toString(16)} hi`,
      '3,41',
    ]);
  });

  it('writes that padding is padding', () => {
    const subject = bindSubject({ ...DEFAULT_SCENE, a: 'shuffle_scale', type: 'e8m0', shape: [100, 11] });
    const { layout } = subject.tensor;
    const padding = Array.from({ length: layout.storageSize }, (_, key) => key).find(
      (key) => layout.coord(key) === undefined,
    );
    expect(makePaint(subject, 'lane', 'light').text(padding ?? 0)[0]).toBe('pad');
  });

  it('marks NaN codes in the code modes', () => {
    const bytes = { name: 'x', codeAt: (offset: number): number => offset % 256 };
    const subject = bindSubject({ ...DEFAULT_SCENE, a: 'row-major', shape: [16, 16] }, bytes);
    const out = new Uint32Array(256);
    const keys = Float64Array.from({ length: 256 }, (_, key) => key);
    for (const color of ['value', 'code'] as const) {
      makePaint(subject, color, 'light').fill(keys, 256, out);
      const marked = [...keys].filter((key) => out[key] === commonColors('light').nan);
      expect(marked).toEqual([0x7f, 0xff]);
    }
  });

  it('gives every code of the narrow formats another colour by value', () => {
    for (const type of ['e2m1', 'e4m3fn', 'e5m2'] as const) {
      const codes = Array.from({ length: type === 'e2m1' ? 16 : 256 }, (_, code) => code);
      const finite = codes.filter((code) => Number.isFinite(codeValue(type, code)));
      const values = new Set(finite.map((code) => codeValue(type, code)));
      const colors = new Set(finite.map((code) => colorOfCode(type, code, 'value', 'light')));
      // Neighbours among the 254 fp8 values may fall on one of the screen's colours.
      expect(colors.size).toBeGreaterThan(0.75 * values.size);
    }
  });
});

describe('colorLegend', () => {
  it.each(COLORS)('explains %s for every subject', (color) => {
    for (const fields of SCENES) {
      const legend = colorLegend(bindSubject({ ...DEFAULT_SCENE, ...fields }), color, 'light');
      expect(legend.title).not.toBe('');
      expect(legend.entries.length + (legend.ramp?.colors.length ?? 0)).toBeGreaterThan(0);
    }
  });
  it('names padding where there is some', () => {
    const padded = bindSubject({ ...DEFAULT_SCENE, a: 'shuffle_scale', type: 'e8m0', shape: [100, 11] });
    expect(colorLegend(padded, 'lane', 'light').entries.map(({ label }) => label)).toEqual(['padding']);
  });
});
