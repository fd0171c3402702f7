import { ParameterError } from '../../../src/errors.ts';
import { elementBits } from '../../../src/formats/element-type.ts';
import type { Layout } from '../../../src/layout/layout.ts';
import { type ArgumentStruct, argumentStruct } from '../args.ts';
import { type HipKernel, type KernelLaunch, tensorOf } from './kernel.ts';
import { permuteTables } from './permute-tables.ts';

export interface Permutation {
  /** Addresses of the two buffers. */
  readonly from: bigint;
  readonly to: bigint;
  readonly fromLayout: Layout;
  readonly toLayout: Layout;
  /** 4, 8, 16, 32 or 64. */
  readonly bits: number;
  /** Byte for the padding of the target. */
  readonly fill: number;
}

const THREADS = 256;

/** As in permute.hip: room for 8 axes of 3 words, 16 digits of the target of 6 and 16 of the source of 4. */
const PERMUTE_FIELDS = [
  { name: 'x', type: 'ptr' },
  { name: 'y', type: 'ptr' },
  { name: 'units', type: 'u32' },
  { name: 'fill', type: 'u32' },
  { name: 'axes', type: 'u32' },
  { name: 'axis', type: 'u32', count: 24 },
  { name: 'target', type: 'u32', count: 96 },
  { name: 'source', type: 'u32', count: 64 },
] as const;

export const permuteArgs: ArgumentStruct<typeof PERMUTE_FIELDS> = argumentStruct('PermuteArgs', PERMUTE_FIELDS);

/** Stores a tensor in another layout. */
export const permute: HipKernel<'permute'> = {
  op: 'permute',
  objects: ['permute'],
  supports({ to }, { x }) {
    if (x === undefined) return { supported: true };
    const tables = permuteTables(x.layout, to, elementBits(x.type));
    return typeof tables === 'string' ? { supported: false, reason: tables } : { supported: true };
  },
  async run(run, params, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const y = tensorOf(outputs, 'y');
    await run.permute(x.buffer, x.layout, y.buffer, y.layout, elementBits(x.type), params.fill ?? 0);
  },
};

/**
 * The launch of a permutation.
 * @throws ParameterError when the layouts exceed the kernel's tables; `supports` says so before
 */
export function permuteLaunch(permutation: Permutation): KernelLaunch<typeof PERMUTE_FIELDS> {
  const { from, to, fromLayout, toLayout, bits, fill } = permutation;
  const tables = permuteTables(fromLayout, toLayout, bits);
  if (typeof tables === 'string') throw new ParameterError('permute', 'to', tables);
  const { unitBits, units, axes, axis, target, source } = tables;
  // Without padding only the spare nibble of an odd number of codes is left over; it is zero.
  const padding = toLayout.storageSize === toLayout.size ? 0 : fill;
  // Narrow units fill a word a thread.
  const threads = unitBits < 32 ? Math.ceil((units * unitBits) / 32) : units;
  return {
    object: 'permute',
    kernel: `permute_${unitBits}`,
    struct: permuteArgs,
    values: {
      x: from,
      y: to,
      units,
      fill: (padding * 0x01010101) >>> 0,
      axes,
      axis,
      target,
      source,
    },
    grid: [Math.ceil(threads / THREADS), 1, 1],
  };
}
