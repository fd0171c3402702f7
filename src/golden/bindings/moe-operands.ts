import { gateUpInterleaved } from '../../layout/gate-up.ts';
import type { Layout } from '../../layout/layout.ts';
import { ShapeRejectedError } from '../../layout/notation.ts';
import { rowMajor } from '../../layout/plain.ts';
import { shuffleScale, shuffleScaleGuinterleave } from '../../layout/scales.ts';
import { shuffleWeight, shuffleWeightGuinterleave } from '../../layout/weights.ts';
import { MOE_ACTIVATIONS, MOE_SCHEMES, type MoeActivation, type MoeScheme } from '../../ops/shared/moe-params.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { CaseReader } from '../case-reader.ts';

/** Names that golden cases give to the layouts of expert weights. The guinterleave ones have gate and up side by side. */
const WEIGHT_LAYOUTS = ['row_major', 'gate_up_interleaved', 'shuffle_weight', 'shuffle_weight_guinterleave'] as const;
const SCALE_LAYOUTS = ['row_major', 'gate_up_interleaved', 'shuffle_scale', 'shuffle_scale_guinterleave'] as const;
const DOWN_WEIGHT_LAYOUTS = ['row_major', 'shuffle_weight', 'shuffle_weight_guinterleave'] as const;
const DOWN_SCALE_LAYOUTS = ['row_major', 'shuffle_scale', 'shuffle_scale_guinterleave'] as const;

type Named<N extends string> = { readonly [K in N]: Tensor };
type WeightNames<N extends string> = Named<N | `${N}_scale`> & Partial<Named<`${N}_bias`>>;
type Shape3 = readonly [number, number, number];

export interface MoeSizes {
  readonly T: number;
  readonly E: number;
  readonly topk: number;
  readonly I: number;
  readonly H: number;
}

export function moeSizes(reader: CaseReader): MoeSizes {
  const [T, E, topk] = [reader.count('tokens'), reader.count('experts'), reader.count('topk')];
  return { T, E, topk, I: reader.count('inter'), H: reader.count('hidden') };
}

export function schemeOf(reader: CaseReader): MoeScheme {
  return reader.string('scheme', MOE_SCHEMES, 'a16w4');
}

export function activationOf(reader: CaseReader): {
  readonly activation: MoeActivation;
  readonly swiglu_limit?: number;
} {
  const activation = reader.string('activation', MOE_ACTIVATIONS);
  if (reader.case.params['swiglu_limit'] === undefined) return { activation };
  return { activation, swiglu_limit: reader.number('swiglu_limit') };
}

export async function routed(
  reader: CaseReader,
  shape: readonly number[],
): Promise<Named<'topk_ids' | 'topk_weights'>> {
  return {
    topk_ids: await reader.tensor('topk_ids', 'i32', { shape }),
    topk_weights: await reader.tensor('topk_weights', 'f32', { shape }),
  };
}

/** `name` in the type of the scheme and, where it is quantised, `name_scale`. */
export async function activations<N extends 'x' | 'h'>(
  reader: CaseReader,
  name: N,
  scheme: MoeScheme,
  shape: readonly number[],
): Promise<Named<N> & Partial<Named<`${N}_scale`>>> {
  const type = ({ a16w4: 'bf16', a8w4: 'e4m3fn', a4w4: 'e2m1' } as const)[scheme];
  const operands: Record<string, Tensor> = { [name]: await reader.tensor(name, type, { shape }) };
  if (scheme !== 'a16w4') {
    const blocks = [...shape.slice(0, -1), (shape.at(-1) ?? 0) / 32];
    operands[`${name}_scale`] = await reader.tensor(`${name}_scale`, 'e8m0', { shape: blocks, scaling: 'e8m0' });
  }
  return operands as Named<N> & Partial<Named<`${N}_scale`>>;
}

/** Weights [E, 2 I, H] with scales and, where the case has one, bias; layouts from `weight_layout` and `scale_layout`. */
export function gateUpWeights<N extends 'w1' | 'w13'>(
  reader: CaseReader,
  name: N,
  shape: Shape3,
): Promise<WeightNames<N>> {
  const names = {
    weight: reader.string('weight_layout', WEIGHT_LAYOUTS, 'row_major'),
    scale: reader.string('scale_layout', SCALE_LAYOUTS, 'row_major'),
  };
  return weights(reader, name, shape, names, true);
}

/** Weights [E, H, I]. @param keys metadata that names the layouts of weight and scale */
export function downWeights(
  reader: CaseReader,
  name: 'w2',
  shape: Shape3,
  [weightKey, scaleKey]: readonly [string, string],
): Promise<WeightNames<'w2'>> {
  const names = {
    weight: reader.string(weightKey, DOWN_WEIGHT_LAYOUTS, 'row_major'),
    scale: reader.string(scaleKey, DOWN_SCALE_LAYOUTS, 'row_major'),
  };
  return weights(reader, name, shape, names, false);
}

interface LayoutNames {
  readonly weight: (typeof WEIGHT_LAYOUTS)[number];
  readonly scale: (typeof SCALE_LAYOUTS)[number];
}

async function weights<N extends string>(
  reader: CaseReader,
  name: N,
  shape: Shape3,
  { weight, scale }: LayoutNames,
  gateUp: boolean,
): Promise<WeightNames<N>> {
  const [experts, rows, columns] = shape;
  const blocks: Shape3 = [experts, rows, columns / 32];
  const place = (layout: string, bound: Shape3, make: () => Layout) =>
    layout === 'row_major' ? { shape: bound } : { layout: boundLayout(reader, make) };
  const operands: Record<string, Tensor> = {
    [name]: await reader.tensor(
      name,
      'e2m1',
      place(weight, shape, () => weightLayout(weight, shape, gateUp)),
    ),
    [`${name}_scale`]: await reader.tensor(`${name}_scale`, 'e8m0', {
      ...place(scale, blocks, () => scaleLayout(scale, blocks, gateUp)),
      scaling: 'e8m0',
    }),
  };
  const bias = `${name}_bias`;
  if (reader.has(bias)) operands[bias] = await reader.tensor(bias, 'f32', { shape: [experts, rows] });
  return operands as WeightNames<N>;
}

function weightLayout(name: LayoutNames['weight'], shape: Shape3, gateUp: boolean): Layout {
  switch (name) {
    case 'row_major':
      return rowMajor(shape);
    case 'gate_up_interleaved':
      return gateUpInterleaved(shape);
    case 'shuffle_weight':
      return shuffleWeight(shape, { bits: 4 });
    case 'shuffle_weight_guinterleave':
      return shuffleWeightGuinterleave(shape, { bits: 4, gateUp });
  }
}

function scaleLayout(name: LayoutNames['scale'], shape: Shape3, gateUp: boolean): Layout {
  const [experts, rows, groups] = shape;
  const flat = [experts * rows, groups];
  switch (name) {
    case 'row_major':
      return rowMajor(shape);
    case 'gate_up_interleaved':
      return gateUpInterleaved(shape);
    case 'shuffle_scale':
      return shuffleScale(flat);
    case 'shuffle_scale_guinterleave':
      return shuffleScaleGuinterleave(flat, { experts, gateUp });
  }
}

/** A layout that does not take the case's shape is a fault of the case. */
function boundLayout(reader: CaseReader, make: () => Layout): Layout {
  try {
    return make();
  } catch (error) {
    if (error instanceof ShapeRejectedError) throw reader.fail(error.message, error);
    throw error;
  }
}
