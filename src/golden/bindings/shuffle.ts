import { type ElementType, elementBits } from '../../formats/element-type.ts';
import {
  gateUpInterleaved,
  rowMajor,
  scaleTransposedView,
  shuffleMxfp8fp4A,
  shuffleMxfp8fp4B,
  shuffleMxfp8fp4Scale,
  shuffleScale,
  shuffleScaleGuinterleave,
  shuffleScaleN32K4,
  shuffleWeight,
  shuffleWeightGfx1250,
  shuffleWeightGuinterleave,
  shuffleWeightNK,
} from '../../layout/catalog.ts';
import type { Layout } from '../../layout/layout.ts';
import { assume } from '../../tensor/make.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { CaseReader } from '../case-reader.ts';
import { check, type Expectation, type GoldenCheck } from '../check.ts';
import { WEIGHT_TYPES } from '../weight-types.ts';
import type { Binding } from './binding.ts';
import { permuteCase } from './permute.ts';

/** AITER pads the interleaved scale shuffle with the e8m0 code of 1.0; the separated one leaves its padding undefined. */
const ONE_E8M0 = 0x7f;

/** The element type that a case's `dtype` names. */
function weightType(reader: CaseReader, fallback?: keyof typeof WEIGHT_TYPES): ElementType {
  return WEIGHT_TYPES[reader.string('dtype', Object.keys(WEIGHT_TYPES) as (keyof typeof WEIGHT_TYPES)[], fallback)];
}

/** One permutation from row-major to the layout that `target` binds to the logical shape of `x`. */
async function shuffled(
  reader: CaseReader,
  type: ElementType,
  target: (shape: readonly number[], bits: number) => Layout,
  extra: { readonly fill?: number; readonly padding?: boolean; readonly mask?: Uint8Array } = {},
): Promise<readonly GoldenCheck[]> {
  const x = await reader.tensor('x', type);
  const to = target(x.layout.shape, elementBits(type));
  const expected = await reader.tensor('y', type, { layout: to });
  const { fill, ...how } = extra;
  return [
    check('y', 'permute', fill === undefined ? { to } : { to, fill }, { x }, [
      { output: 'y', expected, compare: 'exact', ...how },
    ]),
  ];
}

const shuffleWeightCase: Binding = (reader) => {
  const [rows = 16, columns = 16] = reader.counts('layout', 2, [16, 16]);
  return shuffled(reader, weightType(reader, 'u8'), (shape, bits) =>
    shuffleWeight(shape, { bits, tile: [rows, columns] }),
  );
};

const moeShuffleWeight: Binding = (reader) => {
  const interleave = reader.flag('is_guinterleave');
  const gateUp = reader.flag('gate_up');
  return shuffled(reader, weightType(reader, 'fp4x2'), (shape, bits) =>
    interleave ? shuffleWeightGuinterleave(shape, { bits, gateUp }) : shuffleWeight(shape, { bits }),
  );
};

const shuffleScaleCase: Binding = async (reader) => {
  if (!reader.flag('is_guinterleave')) {
    const mask = reader.has('mask') ? { mask: (await reader.raw('mask')).bytes } : {};
    return shuffled(reader, 'e8m0', (shape) => shuffleScale(shape), mask);
  }
  const options = { experts: reader.count('experts'), gateUp: reader.flag('gate_up') };
  return shuffled(reader, 'e8m0', (shape) => shuffleScaleGuinterleave(shape, options), {
    fill: ONE_E8M0,
    padding: true,
  });
};

const shuffleScaleN32K4Case: Binding = (reader) => {
  const options = {
    experts: reader.count('experts'),
    gateUp: reader.flag('is_guinterleave') && reader.flag('gate_up'),
  };
  return shuffled(reader, 'e8m0', (shape) => shuffleScaleN32K4(shape, options));
};

const shuffleWeightNKCase: Binding = (reader) => {
  const [instN = 16, instK = 32] = reader.counts('inst', 2);
  return shuffled(reader, weightType(reader, 'u8'), (shape) => shuffleWeightNK(shape, { instN, instK }));
};

/** `once` is the transposed copy relabelled with the old shape; `twice` applies the same again, which is not the inverse. */
const transposeScale: Binding = async (reader) => {
  const shape = reader.counts('shape', 2);
  const x = await reader.tensor('x', 'f32', { shape });
  const to = scaleTransposedView(shape);
  const once = await reader.tensor('once', 'f32', { layout: to });
  const twice = await reader.tensor('twice', 'f32', { layout: to });
  const relabelled: Tensor = assume(once, { type: 'f32', layout: rowMajor(shape) });
  const expectation = (expected: Tensor): Expectation & { readonly output: 'y' } => ({
    output: 'y',
    expected,
    compare: 'exact',
  });
  return [
    check('once', 'permute', { to }, { x }, [expectation(once)]),
    check('twice', 'permute', { to }, { x: relabelled }, [expectation(twice)]),
  ];
};

/** Weight, scale and bias rows move together; de-interleaving one of them alone is a known incident. */
const deinterleaveGateUp: Binding = async (reader) => {
  const part = async (from: string, to: string, type: ElementType): Promise<GoldenCheck> => {
    const { shape } = reader.info(from);
    const x = await reader.tensor(from, type, { layout: gateUpInterleaved(shape) });
    const target = rowMajor(shape);
    const expected = await reader.tensor(to, type, { layout: target });
    return check(to, 'permute', { to: target }, { x }, [{ output: 'y', expected, compare: 'exact' }]);
  };
  return [await part('w', 'wy', 'u8'), await part('s', 'sy', 'e8m0'), await part('b', 'by', 'f32')];
};

export const shuffleBindings: Readonly<Record<string, Binding>> = {
  shuffle_weight: shuffleWeightCase,
  moe_shuffle_weight: moeShuffleWeight,
  permute: permuteCase,
  shuffle_scale: shuffleScaleCase,
  shuffle_scale_n32k4: shuffleScaleN32K4Case,
  shuffle_weight_NK: shuffleWeightNKCase,
  shuffle_weight_gfx1250: (reader) =>
    shuffled(reader, weightType(reader, 'u8'), (shape, bits) => shuffleWeightGfx1250(shape, { bits })),
  shuffle_mxfp8fp4_a: (reader) => shuffled(reader, 'u8', (shape) => shuffleMxfp8fp4A(shape)),
  shuffle_mxfp8fp4_b: (reader) => shuffled(reader, 'u8', (shape) => shuffleMxfp8fp4B(shape)),
  shuffle_mxfp8fp4_scale: (reader) =>
    shuffled(reader, 'e8m0', (shape) => shuffleMxfp8fp4Scale(shape), { fill: ONE_E8M0, padding: true }),
  transpose_scale: transposeScale,
  deinterleave_gate_up: deinterleaveGateUp,
};
