import { range } from '../diagnosis/take.ts';
import { elementBits } from '../formats/element-type.ts';
import type { KernelCall } from '../ops/kernel-call.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Axis, type AxisTable, axis, type Follow } from './axis.ts';

/** Which operands move with the one that gives the shape, and in what pieces its last dimension can be cut. */
interface Rows {
  /** Of the shape of the leading operand. */
  readonly alike?: readonly string[];
  /** With its leading dimensions only. */
  readonly rows?: readonly string[];
  /** With one element for each element of a row. */
  readonly weights?: readonly string[];
  /** Elements of a row that go together. Default 1. */
  readonly unit?: number;
  /** A single unit can be cut further, in pieces of this many. */
  readonly fine?: number;
  readonly halves?: true;
}

/** Axes of an op that treats each row of `lead` by itself: the leading dimensions, and the columns. */
function rowAxes(call: KernelCall, lead: string, rule: Rows = {}): readonly Axis[] {
  const rank = call.operands[lead]?.layout.shape.length ?? 0;
  const { alike = [], rows = [], weights = [] } = rule;
  const leading = range(Math.max(0, rank - 1)).map((dim) =>
    axis({
      name: rank === 2 ? 'rows' : `rows (dimension ${dim})`,
      of: [lead, dim],
      follow: following([lead, ...alike, ...rows], { dim }),
      // The outputs of these ops have the leading dimensions of their input, unless they flatten them.
      shows: dim === 0 ? ['y', 'scale', 'norm', 'res_out'].map((output) => [output, 0] as const) : [],
    }),
  );
  return [...leading, ...columnAxes(lead, 'columns', { ...rule, alike, weights })];
}

function columnAxes(lead: string, name: string, rule: Rows): readonly Axis[] {
  const { alike = [], weights = [], unit = 1, fine, halves } = rule;
  const how: Follow = { dim: -1, ...(halves === undefined ? {} : { halves }) };
  const columns = {
    name,
    of: [lead, -1] as const,
    follow: { ...following([lead, ...alike], how), ...following(weights, { dim: 0 }) },
  };
  const shows = [['y', -1]] as const;
  const coarse = axis({ ...columns, unit, shows });
  return fine === undefined ? [coarse] : [coarse, axis({ ...columns, unit: fine, upTo: unit, shows })];
}

function following(names: readonly string[], how: Follow): Readonly<Record<string, Follow>> {
  return Object.fromEntries(names.map((name) => [name, how]));
}

/** The group that a call has, or its op's default. */
function groupOf({ params }: KernelCall, fallback: number): number {
  return (params as { readonly group?: number }).group ?? fallback;
}

/** Rows in blocks that share a scale with columns: a weight [..., N, K]. */
function blockAxes(call: KernelCall, lead: string, scale: string | undefined): readonly Axis[] {
  const rank = call.operands[lead]?.layout.shape.length ?? 0;
  const scales = (how: Follow): Readonly<Record<string, Follow>> => (scale === undefined ? {} : { [scale]: how });
  const along = (name: string, dim: number): readonly Axis[] => {
    const spec = { name, of: [lead, dim] as const, follow: { [lead]: { dim }, ...scales({ dim, per: 128 }) } };
    const shows = [['y', dim]] as const;
    return [axis({ ...spec, unit: 128, shows }), axis({ ...spec, unit: 1, upTo: 128, shows })];
  };
  const experts = axis({
    name: 'experts',
    of: [lead, 0],
    follow: { [lead]: { dim: 0 }, ...scales({ dim: 0 }) },
    shows: [['y', 0]],
  });
  return [...(rank === 3 ? [experts] : []), ...along('rows', -2), ...along('columns', -1)];
}

/** Every dimension of each operand by itself, in the smallest pieces that its layout takes. */
function elementwiseAxes(call: KernelCall, lead: string, alike: readonly string[] = [], label = ''): readonly Axis[] {
  const given = call.operands[lead];
  if (given === undefined) return [];
  const { shape } = given.layout;
  const unit = holdsNibbles(call, given) ? 2 : 1;
  return range(shape.length).map((dim) =>
    axis({
      name: `${label}${['columns', 'rows'][shape.length - 1 - dim] ?? `dimension ${dim}`}`,
      of: [lead, dim],
      unit: dim === shape.length - 1 ? unit : 1,
      follow: following([lead, ...alike], { dim }),
      shows: [['y', dim]],
    }),
  );
}

/** Two 4-bit codes share a byte, of what goes in or of what `encode` makes. */
function holdsNibbles({ params }: KernelCall, { type }: Tensor): boolean {
  return elementBits(type) === 4 || (params as { readonly format?: string }).format === 'e2m1';
}

/** The rows of the second input are those of the first; its columns are its own. */
function rmsAxes(call: KernelCall): readonly Axis[] {
  const unit = groupOf(call, 128);
  return [
    ...rowAxes(call, 'x', { alike: ['r'], rows: ['x2'], weights: ['w'], unit, fine: 1 }),
    ...columnAxes('x2', 'columns of x2', { weights: ['w2'] }),
  ];
}

const wholeRows = (call: KernelCall): readonly Axis[] => rowAxes(call, 'x');
const mxBlocks = (call: KernelCall): readonly Axis[] => rowAxes(call, 'x', { unit: 32 });
const deepGemmGroups = (call: KernelCall): readonly Axis[] => rowAxes(call, 'x', { unit: 128, fine: 1 });

export const ROW_AXES: AxisTable = {
  act_mul_and_fp8_group_quant: (call) => rowAxes(call, 'x', { unit: groupOf(call, 128), fine: 1, halves: true }),
  add_rmsnorm_quant: (call) =>
    rowAxes(call, 'x', { alike: ['r'], weights: ['w'], unit: Math.max(1, groupOf(call, 0)) }),
  ceil_to_ue8m0: (call) => elementwiseAxes(call, 'x'),
  decode: (call) => elementwiseAxes(call, 'x'),
  deepgemm_per_block_cast: (call) => blockAxes(call, 'x', undefined),
  deepgemm_per_token_cast: deepGemmGroups,
  deepgemm_per_token_cast_packed: deepGemmGroups,
  dynamic_mxfp4_quant: (call) => rowAxes(call, 'x', { unit: 32, fine: 2 }),
  encode: (call) => elementwiseAxes(call, 'x'),
  fused_flatten_fp8_group_quant: (call) => rowAxes(call, 'x', { unit: groupOf(call, 128) }),
  fused_rms_fp8_group_quant: rmsAxes,
  mx_scale: (call) => elementwiseAxes(call, 'x'),
  mxfp4_quant: mxBlocks,
  mxfp8_quant: mxBlocks,
  normalize_e4m3fn_to_e4m3fnuz: (call) => [
    ...elementwiseAxes(call, 'w', [], 'w '),
    ...elementwiseAxes(call, 'scale', [], 'scale '),
  ],
  pack_ue8m0_to_int: (call) => elementwiseAxes(call, 'x'),
  per_1x128_quant: (call) => rowAxes(call, 'x', { unit: groupOf(call, 128) }),
  per_tensor_quant: wholeRows,
  per_token_quant: wholeRows,
  requant_weight_ue8m0: (call) => blockAxes(call, 'w', 'scale'),
  swiglu: (call) => elementwiseAxes(call, 'glu', ['linear']),
};
