import { range } from '../diagnosis/take.ts';
import type { KernelCall } from '../ops/kernel-call.ts';
import type { OpName } from '../ops/registry.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { takeAlong, takePacked } from './gather.ts';

/** A size of a call that can be made smaller: tokens, columns, experts. */
export interface Axis {
  /** Axes of one name cut the same size, in coarser and finer pieces. */
  readonly name: string;
  readonly size: (call: KernelCall) => number;
  /** Elements that stay together, because they share a scale or a tile. */
  readonly unit: (call: KernelCall) => number;
  /** Units that must stay; 0 where there may be none. */
  readonly least: 0 | 1;
  /** Whether the axis can be cut in such pieces now. */
  readonly applies: (call: KernelCall) => boolean;
  /**
   * The call with these elements only, ascending.
   * @returns undefined where an operand is in a layout that does not exist at that size
   */
  readonly take: (call: KernelCall, elements: readonly number[]) => KernelCall | undefined;
  /** Elements that are worth trying first. */
  readonly first: (call: KernelCall) => readonly (readonly number[])[];
  /** Dimensions of outputs that count the elements of this axis: failing ones there are tried first. */
  readonly shows: readonly (readonly [output: string, dim: number])[];
}

/** Axes of the calls of some ops: which there are may depend on the ranks and parameters of a call. */
export type AxisTable = Readonly<Partial<Record<OpName, (call: KernelCall) => readonly Axis[]>>>;

/** How an operand follows an axis. */
export interface Follow {
  readonly dim: number;
  /** Elements of the axis for each index of the operand: of a scale. Default 1. */
  readonly per?: number;
  /** The dimension holds the elements twice, gate and up. */
  readonly halves?: true;
  /** int32 words with four scales each. */
  readonly packed?: true;
  /** What lies beyond the axis is padding and stays. */
  readonly rest?: true;
  /** Dimension counted from the three of a weight [E, rows, columns]; of two, the first holds experts times rows. */
  readonly stacked?: true;
}

/** An axis as data. */
export interface AxisSpec {
  readonly name: string;
  /** The operand and the dimension that has this size. */
  readonly of: readonly [operand: string, dim: number];
  /** Default 1. */
  readonly unit?: number | ((call: KernelCall) => number);
  /** Applies where no more elements than this are left: one block of a scale, which may be cut further. */
  readonly upTo?: number;
  readonly follow: Readonly<Record<string, Follow>>;
  readonly experts?: (call: KernelCall) => number;
  /** Parameters that follow. */
  readonly params?: (params: Readonly<Record<string, unknown>>, elements: readonly number[], size: number) => object;
  readonly shows?: Axis['shows'];
  readonly first?: Axis['first'];
}

export function axis(spec: AxisSpec): Axis {
  const { name, unit = 1, upTo = Number.POSITIVE_INFINITY, shows = [], first = () => [] } = spec;
  const [operand, dim] = spec.of;
  const size = ({ operands }: KernelCall): number => {
    const counted = operands[operand]?.layout.shape.at(dim) ?? 0;
    return spec.follow[operand]?.halves === true ? counted / 2 : counted;
  };
  const unitOf = typeof unit === 'number' ? () => unit : unit;
  return {
    name,
    size,
    unit: unitOf,
    least: 1,
    applies: (call) => size(call) <= upTo && size(call) > unitOf(call),
    take: (call, elements) => take(call, spec, elements, size(call)),
    first,
    shows,
  };
}

function take(call: KernelCall, spec: AxisSpec, elements: readonly number[], size: number): KernelCall | undefined {
  const experts = spec.experts?.(call) ?? 1;
  const operands: Record<string, Tensor> = { ...call.operands };
  for (const [name, follow] of Object.entries(spec.follow)) {
    const given = call.operands[name];
    if (given === undefined) continue;
    const taken = takeOperand(given, follow, elements, size, experts);
    if (taken === undefined) return undefined;
    operands[name] = taken;
  }
  const params = spec.params?.({ ...call.params }, elements, size) ?? call.params;
  return { ...call, params, operands };
}

function takeOperand(
  given: Tensor,
  follow: Follow,
  elements: readonly number[],
  size: number,
  experts: number,
): Tensor | undefined {
  const { shape } = given.layout;
  const { per = 1 } = follow;
  let indices = per === 1 ? elements : [...new Set(elements.map((element) => Math.floor(element / per)))];
  const count = Math.ceil(size / per);
  if (follow.packed === true) return takePacked(given, indices);
  if (follow.halves === true) indices = [...indices, ...indices.map((index) => index + count)];
  const merged = follow.stacked === true && shape.length === 2;
  if (merged && follow.dim === 1) {
    const rows = (shape[0] ?? 0) / experts;
    indices = range(experts).flatMap((expert) => indices.map((index) => expert * rows + index));
  }
  const dim = merged ? Math.max(0, follow.dim - 1) : follow.dim;
  if (follow.rest === true) indices = [...indices, ...range((shape[dim] ?? 0) - count).map((index) => index + count)];
  return takeAlong(given, dim < 0 ? shape.length + dim : dim, indices, [experts, experts]);
}

/** The least common multiple, for units that have to respect two kinds of pieces. */
export function lcm(a: number, b: number): number {
  const gcd = (x: number, y: number): number => (y === 0 ? x : gcd(y, x % y));
  return (a / gcd(a, b)) * b;
}
