import { describe, expect, it } from 'vitest';
import { INCIDENTS } from '../../../src/golden/incidents.ts';
import { catalog, type Layout, readAs, shuffleWeight, unravel } from '../../../src/layout/index.ts';
import { tensor } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { bindPair, type PairScene } from '../../../src/visualizer/model/diff.ts';
import { bitPanel, fieldsOf } from '../../../src/visualizer/model/incident-bits.ts';
import { stalePad } from '../../../src/visualizer/model/incident-pad.ts';
import { INCIDENT_OPERANDS } from '../../../src/visualizer/model/incident-scene.ts';
import {
  diffScene,
  headingOf,
  INCIDENT_SCENES,
  incidentById,
  incidentScene,
  incidentsOf,
} from '../../../src/visualizer/model/incident-scenes.ts';
import { parsePermalink, printPermalink } from '../../../src/visualizer/model/permalink.ts';

const L2 = 'shuffle_weight(16,16)';

it('has a scene for every incident, with its title and origin', () =>
  expect(INCIDENT_SCENES.map(({ id, title, origin }) => ({ id, title, origin }))).toEqual(
    INCIDENTS.map(({ id, title, origin }) => ({ id, title, origin })),
  ));

it.each(INCIDENT_SCENES.map((scene) => [scene.id, scene] as const))('%s is told in two sentences', (_, scene) => {
  for (const sentence of [scene.happens, scene.looks]) {
    expect(sentence).toMatch(/^[A-Z].*\.$/);
    expect(sentence.slice(0, -1)).not.toMatch(/[.!?](\s|$)/);
  }
  expect(INCIDENT_OPERANDS).toContain(scene.operand);
});

it('writes names at the beginning of headings as they are', () => {
  expect(headingOf(incidentById('fn-read-as-fnuz') as never)).toMatch(/^e4m3fn weights/);
  expect(headingOf(incidentById('moe-l3-read-separated') as never)).toMatch(/^w13 and/);
  expect(headingOf(incidentById('weight-tile-32') as never)).toMatch(/^A weight/);
  expect(incidentById('nothing')).toBeUndefined();
});

it('has permalinks', () => {
  const [scene] = INCIDENT_SCENES.filter(({ id }) => id === 'moe-l4-read-separated').map(incidentScene);
  expect(printPermalink(scene as never)).toBe('#v=1&screen=incidents&topic=moe-l4-read-separated');
  for (const { picture } of INCIDENT_SCENES) {
    if (picture.kind !== 'pair') continue;
    const shown = diffScene(picture.pair);
    expect(parsePermalink(printPermalink(shown))).toEqual(shown);
  }
});

/*
 * Replays: the golden incident gets operands in which every element tells its own number, and what it makes of them must be what the
 * scene's pair of layouts says.
 */

const pairs = INCIDENT_SCENES.flatMap((scene) =>
  scene.picture.kind === 'pair' ? [[scene.id, scene.picture.pair] as const] : [],
);

function misread(id: string, operands: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>> {
  const incident = INCIDENTS.find((entry) => entry.id === id);
  if (incident === undefined) throw new Error(`no incident ${id}`);
  return incident.misread(operands);
}

/** Elements, in logical order, of what the reader gets, as their numbers; -1 for padding. */
function numbersRead(scene: PairScene): readonly number[] {
  const { written, read } = bindPair(scene);
  const gets = readAs(written.layout, read.layout);
  const { shape, size } = read.layout;
  return Array.from({ length: size }, (_, index) => {
    const got = gets(unravel(index, shape));
    return got === undefined ? -1 : got.reduce((at, value, axis) => at * (shape[axis] as number) + value, 0);
  });
}

/** A tensor of a layout, of codes by the number of the element. */
function filled(
  name: string,
  type: 'f32' | 'e4m3fn' | 'e2m1' | 'e8m0',
  layout: Layout,
  code: (number: number) => number,
) {
  const bits = { f32: 32, e4m3fn: 8, e2m1: 4, e8m0: 8 }[type];
  const bytes = new Uint8Array((layout.storageSize * bits) / 8);
  const words = new Float32Array(bytes.buffer, 0, bits === 32 ? layout.storageSize : 0);
  for (let index = 0; index < layout.size; index += 1) {
    const offset = layout.offset(unravel(index, layout.shape));
    if (bits === 32) words[offset] = code(index);
    else if (bits === 8) bytes[offset] = code(index);
    else bytes[offset >> 1] = (bytes[offset >> 1] as number) | (code(index) << (4 * (offset % 2)));
  }
  return tensor(name, type, layout, bytes);
}

/** The codes of a tensor in logical order. */
function codesOf({ type, layout, bytes }: Tensor): readonly number[] {
  const words = new Float32Array(
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
    0,
    type === 'f32' ? layout.storageSize : 0,
  );
  return Array.from({ length: layout.size }, (_, index) => {
    const offset = layout.offset(unravel(index, layout.shape));
    if (type === 'f32') return words[offset] as number;
    if (type !== 'e2m1') return bytes[offset] as number;
    return ((bytes[offset >> 1] as number) >> (4 * (offset % 2))) & 15;
  });
}

function layoutOf(id: string, shape: readonly number[], params = {}): Layout {
  return catalog.find((entry) => entry.id === id)?.bind(shape, params) as Layout;
}

describe('the pairs of FP8 incidents are what the golden ones do', () => {
  it.each(pairs.filter(([id]) => id.startsWith('scale-')))('%s', (id, scene) => {
    const name = 'x_scale';
    const layout = layoutOf(scene.b, scene.shape);
    const given = filled(name, 'f32', layout, (number) => number);
    expect(codesOf(misread(id, { [name]: given })[name] as Tensor)).toEqual(numbersRead(scene));
  });
  it.each(pairs.filter(([id]) => id.startsWith('weight-')))('%s', (id, scene) => {
    const layout = layoutOf(scene.b, scene.shape, { bits: 8 });
    // 8192 elements have 13 bits; a code tells seven of them (0x7f of e4m3fn would do, but NaN is left out).
    const digits = [0, 1, 2].map((place) => {
      const given = filled('w', 'e4m3fn', layout, (number) => (number >> (6 * place)) & 63);
      return codesOf(misread(id, { w: given })['w'] as Tensor);
    });
    const numbers = digits[0]?.map((low, at) => low + 64 * (digits[1]?.[at] ?? 0) + 4096 * (digits[2]?.[at] ?? 0));
    expect(numbers).toEqual(numbersRead(scene));
  });
});

describe('the pairs of MoE incidents are what the golden ones do', () => {
  const [E, N, K] = [2, 128, 128];
  const w1Layout = layoutOf('row-major', [E, N, K]);

  /** Operands of the op with one of them telling the digit `place` of its elements' numbers. */
  function operandsWith(name: string, place: number, scene: PairScene): Readonly<Record<string, Tensor>> {
    const digit = (bits: number) => (number: number) => Math.floor(number / 2 ** (bits * place)) % 2 ** bits;
    const columns = name === 'w1_scale' ? (scene.shape[1] as number) * 32 : K;
    const code = (own: string, bits: number) => (own === name ? digit(bits) : () => 0);
    const layout = columns === K ? w1Layout : layoutOf('row-major', [E, N, columns]);
    return {
      w1: filled('w1', 'e2m1', layout, code('w1', 4)),
      w1_scale: filled('w1_scale', 'e8m0', layoutOf('row-major', [E * N, columns / 32]), code('w1_scale', 4)),
      w1_bias: filled('w1_bias', 'f32', layoutOf('row-major', [E, N]), code('w1_bias', 16)),
      w2: filled('w2', 'e2m1', layoutOf('row-major', [E, columns, N / 2]), () => 0),
      w2_scale: filled('w2_scale', 'e8m0', layoutOf('row-major', [E * columns, N / 64]), () => 0),
    };
  }

  it.each(pairs.filter(([id]) => id.startsWith('moe-')))('%s', (id, scene) => {
    const name = id.includes('scale-not') ? 'w1_scale' : id.includes('bias-not') ? 'w1_bias' : 'w1';
    const bits = name === 'w1_bias' ? 16 : 4;
    const expected = numbersRead(scene);
    const numbers = expected.map(() => 0);
    for (let place = 0; 2 ** (bits * place) < expected.length; place += 1) {
      const read = codesOf(misread(id, operandsWith(name, place, scene))[name] as Tensor);
      for (const [at, code] of read.entries()) numbers[at] = (numbers[at] as number) + code * 2 ** (bits * place);
    }
    expect(numbers).toEqual(expected);
  });
});

describe('known pairs', () => {
  const ids = (pair: PairScene): readonly string[] => incidentsOf(pair).map(({ id }) => id);
  it.each(pairs)('%s finds itself', (id, pair) => expect(ids(pair)).toContain(id));
  it('are found at other shapes and under other names of the same bytes', () => {
    expect(
      ids({ a: 'shuffle_weight(guinterleave,gate_up)', b: L2, type: 'e2m1', shape: [8, 5760, 2944], experts: 1 }),
    ).toEqual(['moe-l3-read-separated']);
    expect(ids({ a: 'shuffle_weight_gfx1250', b: 'row-major', type: 'e4m3fn', shape: [64, 256], experts: 1 })).toEqual([
      'weight-shuffled-read-plain',
    ]);
    expect(ids({ a: 'row-major', b: 'scale-cm', type: 'f32', shape: [5, 7], experts: 1 })).toEqual([
      'scale-not-transposed',
    ]);
  });
  it('are not made up', () => {
    expect(ids({ a: 'column-major', b: 'row-major', type: 'e4m3fn', shape: [64, 64], experts: 1 })).toEqual([]);
    const twice = incidentById('weight-shuffled-twice')?.picture;
    if (twice?.kind !== 'pair') throw new Error('not a pair');
    expect(ids({ ...twice.pair, shape: [128, 128] })).toEqual([]);
  });
});

describe('bits', () => {
  it('split a code as its format does', () => {
    expect(fieldsOf('e4m3fn', 0xb1).map(({ kind, bits }) => [kind, bits])).toEqual([
      ['sign', '1'],
      ['exponent', '0110'],
      ['mantissa', '001'],
    ]);
    expect(fieldsOf('e8m0', 0x7f).map(({ kind, bits }) => [kind, bits])).toEqual([['exponent', '01111111']]);
    expect(fieldsOf('f32', 0xbf800000).map(({ bits }) => bits)).toEqual(['1', '01111111', '0'.repeat(23)]);
  });
  it.each([
    ['scale-dropped', '1 × 0.0123 = 0.0123', '1 × 1 = 1', '× 81.3008'],
    ['scale-truncated', '0.000244', '2^-13', '× 0.500288'],
    ['scale-ceiled', '0.000244', '2^-12', '× 1.00058'],
    [
      'float-as-exponents',
      '0.000244',
      '2^-63, 2^91, 1, 2^-70',
      '× 4.44345e-16, × 1.0147e+31, × 4098.36, × 3.47145e-18',
    ],
    ['exponents-as-float', '2^-6, 2^-7, 2^-6, 2^-7', '2.02395e+34', '× 1.29533e+36'],
    ['fn-as-fnuz', '1', '0.5', '× 0.5'],
    ['nibbles-swapped', 'even -1, odd 1', 'even 1, odd -1', '× -1'],
  ] as const)('of %s: %s is read as %s', (id, written, read, factor) => {
    const [sample] = bitPanel(id).samples;
    expect([sample?.written.value, sample?.read.value, sample?.factor]).toEqual([written, read, factor]);
  });
  it('keep what is special of e4m3fnuz', () => {
    const read = bitPanel('fn-as-fnuz').samples.map((sample) => [sample.written.value, sample.read.value]);
    expect(read.slice(-2)).toEqual([
      ['-0', 'NaN'],
      ['NaN', '240'],
    ]);
  });
  it.each([
    'scale-dropped',
    'fn-as-fnuz',
    'nibbles-swapped',
    'float-as-exponents',
    'exponents-as-float',
    'scale-truncated',
  ] as const)('%s shows the same bits on both sides', (id) => {
    for (const { written, read } of bitPanel(id).samples) {
      const bits = (side: typeof written): string => side.fields.map((field) => field.bits).join('');
      expect(bits(read)).toBe(bits(written));
    }
  });
});

it('leaves out the channels that a stale pad declares as padding', () =>
  expect(stalePad()).toEqual({
    inter: 2880,
    tp: 8,
    staleTp: 1,
    stored: 512,
    real: 360,
    pad: 152,
    declared: 192,
    computed: 320,
    lost: 40,
  }));

it('keeps the shuffles applied twice in step with the shuffle', () => {
  for (const [id, bits] of [
    ['weight-shuffled-twice', 8],
    ['moe-shuffled-twice', 4],
  ] as const) {
    const picture = incidentById(id)?.picture;
    if (picture?.kind !== 'pair') throw new Error(`${id} is no pair`);
    const { shape } = picture.pair;
    const once = shuffleWeight(shape, { bits });
    const { layout } = bindPair(picture.pair).written;
    for (let index = 0; index < once.size; index += 1) {
      const coord = unravel(index, shape);
      expect(layout.offset(coord)).toBe(once.offset(unravel(once.offset(coord), shape)));
    }
  }
});
