import { type ArgumentStruct, argumentStruct } from '../args.ts';
import type { HipTensor, OpRun } from './kernel.ts';
import { EIGHT, FLOAT_KIND, GROUP_FIELDS, type GroupValues, lanesOf } from './norm-groups.ts';
import { floatSource, matrixOf } from './quant-calls.ts';
import { QUANT_RULE_WORDS } from './quant-rules.ts';

/** As in norm_quant.hip. */
const NORM_FIELDS = [
  { name: 'x', type: 'ptr' },
  { name: 'residual', type: 'ptr' },
  { name: 'weight', type: 'ptr' },
  { name: 'y', type: 'ptr' },
  { name: 'scale', type: 'ptr' },
  { name: 'normed', type: 'ptr' },
  { name: 'sums', type: 'ptr' },
  ...GROUP_FIELDS,
  { name: 'source', type: 'u32' },
  { name: 'weight_source', type: 'u32' },
  { name: 'weight_plus_one', type: 'u32' },
  { name: 'truncate', type: 'u32' },
  { name: 'epsilon', type: 'f32' },
  { name: 'lanes', type: 'u32' },
] as const;

const normArgs: ArgumentStruct<typeof NORM_FIELDS> = argumentStruct('NormQuantArgs', NORM_FIELDS);

/** Rows that kernels keep in registers: norm_bf16_2048 and so on. */
const KEPT_COLUMNS = [512, 2048, 4096, 8192, 16384];

/** Of a norm whose rows are not quantised. */
const NO_GROUPS: Omit<GroupValues, 'columns'> = {
  group: 1,
  groups: 0,
  scale_row: 0,
  scale_group: 0,
  scale_tiles: 0,
  rule: Array.from({ length: QUANT_RULE_WORDS }, () => 0),
};

/** Rows to normalise, and what is wanted of them. */
export interface NormCall {
  readonly x: HipTensor;
  readonly weight: HipTensor;
  /** Added to x first. */
  readonly residual?: HipTensor | undefined;
  readonly epsilon: number;
  /** Multiply by `weight + 1`. Default false. */
  readonly weightPlusOne?: boolean;
  /** The sum with the residual (or x itself), in the type of x; bf16 may be truncated. */
  readonly sums?: { readonly tensor: HipTensor; readonly truncate?: boolean } | undefined;
  /** The normalised rows, in the type of x. */
  readonly normed?: HipTensor | undefined;
  readonly quantised?: { readonly y: HipTensor; readonly scale: HipTensor; readonly groups: GroupValues };
}

/** RMSNorm of rows and their quantisation, one workgroup a row. */
export async function normalise(run: OpRun, call: NormCall): Promise<void> {
  const { x, weight, residual, epsilon, weightPlusOne = false, sums, normed, quantised } = call;
  const { rows, columns } = matrixOf(x);
  const source = floatSource(x.type);
  const group = quantised?.groups.group ?? columns;
  // 0: the whole row shares a scale, or there is none.
  const lanes = group >= columns ? 0 : lanesOf(columns, group);
  const kept = columns % EIGHT === 0 ? KEPT_COLUMNS.find((most) => columns <= most) : undefined;
  const address = (tensor: HipTensor | undefined): bigint => (tensor === undefined ? 0n : run.address(tensor.buffer));
  await run.launch({
    object: 'norm_quant',
    kernel: kept === undefined || lanes === undefined ? 'norm_any' : `norm_${source}_${kept}`,
    struct: normArgs,
    values: {
      x: address(x),
      residual: address(residual),
      weight: address(weight),
      y: address(quantised?.y),
      scale: address(quantised?.scale),
      normed: address(normed),
      sums: address(sums?.tensor),
      ...(quantised?.groups ?? { ...NO_GROUPS, columns }),
      source: FLOAT_KIND[source],
      weight_source: FLOAT_KIND[floatSource(weight.type)],
      weight_plus_one: weightPlusOne ? 1 : 0,
      truncate: sums?.truncate === true ? 1 : 0,
      epsilon,
      lanes: lanes ?? 0,
    },
    grid: [rows, 1, 1],
  });
}
