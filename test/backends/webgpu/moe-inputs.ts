import { expect } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { encodeArray } from '../../../src/formats/encode.ts';
import {
  gateUpInterleaved,
  shuffleScale,
  shuffleScaleGuinterleave,
  shuffleWeight,
  shuffleWeightGuinterleave,
} from '../../../src/layout/catalog.ts';
import type { Layout } from '../../../src/layout/layout.ts';
import type { OpDefinition } from '../../../src/ops/op.ts';
import { type OpName, type OpOperands, type OpParams, ops } from '../../../src/ops/registry.ts';
import type { MoeScheme } from '../../../src/ops/shared/moe-params.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { noise, outside, randomCodes, stored, valuesOf } from '../../ops/gemm-moe-support.ts';

export interface MoeSizes {
  readonly tokens: number;
  readonly topk: number;
  readonly experts: number;
  readonly hidden: number;
  readonly inter: number;
}

export type Operands = Readonly<Record<string, Tensor>>;

export type Family = 'separated' | 'interleaved-checkpoint' | 'shuffled-separated' | 'shuffled-guinterleave';

export const FAMILIES: readonly Family[] = [
  'separated',
  'interleaved-checkpoint',
  'shuffled-separated',
  'shuffled-guinterleave',
];

/** A weight [E, rows, K] whose codes depend on their address, with e8m0 scales that no shift or swap repeats. */
export function weightOf(name: string, experts: number, rows: number, columns: number): Operands {
  const next = noise(experts * 31 + rows * 7 + columns);
  const bytes = Uint8Array.from({ length: (experts * rows * columns) / 2 }, () => next() & 255);
  const groups = columns / 32;
  const scales = Uint8Array.from({ length: experts * rows * groups }, (_, i) => {
    const [row, group] = [Math.floor(i / groups), i % groups];
    return 121 + ((row * 5 + group * 3 + Math.floor(row / 16) + Math.floor(row / rows) * 7) % 11);
  });
  return {
    [name]: tensorFrom(name, 'e2m1', [experts, rows, columns], bytes),
    [`${name}_scale`]: tensorFrom(`${name}_scale`, 'e8m0', [experts, rows, groups], scales),
    [`${name}_bias`]: tensorFrom(`${name}_bias`, 'f32', [experts, rows], floats(experts * rows, rows)),
  };
}

/** Activations of a scheme with their scales, under `name`. */
export function activationsOf(name: string, scheme: MoeScheme, shape: readonly number[]): Operands {
  const count = shape.reduce((product, size) => product * size, 1);
  const scaleShape = [...shape.slice(0, -1), (shape.at(-1) ?? 0) / 32];
  const scales = Uint8Array.from({ length: count / 32 }, (_, i) => 122 + ((i * 3) % 7));
  const scale = { [`${name}_scale`]: tensorFrom(`${name}_scale`, 'e8m0', scaleShape, scales) };
  if (scheme === 'a16w4') return { [name]: tensorFrom(name, 'bf16', shape, encodeArray('bf16', floats(count, count))) };
  if (scheme === 'a8w4')
    return { ...scale, [name]: tensorFrom(name, 'e4m3fn', shape, randomCodes('e4m3fn', count, count)) };
  const next = noise(count);
  const codes = Uint8Array.from({ length: count / 2 }, () => next() & 255);
  return { ...scale, [name]: tensorFrom(name, 'e2m1', shape, codes) };
}

/** Expert 1 stays empty: some of its routes go nowhere, below or above the ids of experts. Ids of a token are distinct. */
export function routesOf({ tokens, topk, experts }: MoeSizes): Operands {
  const ids = Int32Array.from({ length: tokens * topk }, (_, i) => {
    const [token, slot] = [Math.floor(i / topk), i % topk];
    const expert = (token * 5 + (token >> 2) + slot) % experts;
    if (expert !== 1) return expert;
    return token % 2 === 0 ? -1 : experts + token;
  });
  return {
    topk_ids: tensorFrom('topk_ids', 'i32', [tokens, topk], ids),
    topk_weights: tensorFrom('topk_weights', 'f32', [tokens, topk], floats(tokens * topk, tokens).map(Math.abs)),
  };
}

/** The same weight where the family has it. Padding of the scales is poison: 0xff is a NaN. */
export function storedAs(operands: Operands, name: string, family: Family): Operands {
  const weight = operands[name] as Tensor;
  const scale = operands[`${name}_scale`] as Tensor;
  const [experts = 0, rows = 0, groups = 0] = scale.layout.shape;
  const flat = tensorFrom(scale.name, 'e8m0', [experts * rows, groups], scale.bytes);
  const moved = (source: Tensor, layout: Layout): Tensor => stored(source, layout, 0xff);
  const { shape } = weight.layout;
  switch (family) {
    case 'separated':
      return operands;
    case 'interleaved-checkpoint':
      return {
        ...operands,
        [name]: moved(weight, gateUpInterleaved(shape)),
        [`${name}_scale`]: moved(scale, gateUpInterleaved(scale.layout.shape)),
      };
    case 'shuffled-separated':
      return {
        ...operands,
        [name]: moved(weight, shuffleWeight(shape, { bits: 4 })),
        [`${name}_scale`]: moved(flat, shuffleScale(flat.layout.shape)),
      };
    case 'shuffled-guinterleave':
      return {
        ...operands,
        [name]: moved(weight, shuffleWeightGuinterleave(shape, { bits: 4, gateUp: true })),
        [`${name}_scale`]: moved(flat, shuffleScaleGuinterleave(flat.layout.shape, { experts, gateUp: true })),
      };
  }
}

export function stage1Operands(sizes: MoeSizes, scheme: MoeScheme): Operands {
  const { tokens, experts, hidden, inter } = sizes;
  const { topk_ids } = routesOf(sizes);
  return {
    ...activationsOf('x', scheme, [tokens, hidden]),
    ...weightOf('w13', experts, 2 * inter, hidden),
    topk_ids: topk_ids as Tensor,
  };
}

export function stage2Operands(sizes: MoeSizes, scheme: MoeScheme): Operands {
  const { tokens, topk, experts, hidden, inter } = sizes;
  return {
    ...activationsOf('h', scheme, [tokens, topk, inter]),
    ...weightOf('w2', experts, hidden, inter),
    ...routesOf(sizes),
  };
}

export function fusedOperands(sizes: MoeSizes): Operands {
  const { tokens, experts, hidden, inter } = sizes;
  return {
    ...activationsOf('x', 'a16w4', [tokens, hidden]),
    ...weightOf('w1', experts, 2 * inter, hidden),
    ...weightOf('w2', experts, hidden, inter),
    ...routesOf(sizes),
  };
}

/** Runs the op and expects every element of every output within the op's bound. */
export async function expectBound<N extends OpName>(
  backend: Backend,
  op: N,
  params: OpParams<N>,
  operands: Operands,
): Promise<Readonly<Record<string, Tensor>>> {
  const have = (await backend.run(op, params, operands as OpOperands<N>)) as Readonly<Record<string, Tensor>>;
  const bounds = (ops[op] as unknown as OpDefinition).bound?.(params, operands) ?? {};
  for (const [name, output] of Object.entries(have)) {
    expect(outside(valuesOf(output), output.type, bounds[name]), `${op} ${name} ${JSON.stringify(params)}`).toBe(0);
  }
  return have;
}

export function without(operands: Operands, ...names: readonly string[]): Operands {
  return Object.fromEntries(Object.entries(operands).filter(([name]) => !names.includes(name)));
}

/** Between -1 and 1. */
function floats(count: number, seed: number): Float32Array {
  const next = noise(seed);
  return Float32Array.from({ length: count }, () => (next() / 2 ** 32) * 2 - 1);
}
