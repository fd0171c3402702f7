import type { GpuArray } from '../buffers.ts';
import type { KernelCall } from '../kernel.ts';
import type { OpRun } from './kernel.ts';
import { packCalls } from './quant-calls.ts';

/** Room for `count` words that `packByteCalls` can read in whole fours. */
export function byteWords(run: OpRun, count: number, label: string): GpuArray {
  return run.scratch(Math.ceil(count / 4) * 16, label);
}

/** Packs `count` bytes that lie one a word (made by `byteWords`). */
export function packByteCalls(run: OpRun, words: GpuArray, count: number, packed: GpuArray): readonly KernelCall[] {
  return packCalls(run.gpu, words, Math.ceil(count / 4), 4, 0, packed, run.scratch(4, 'invalid scale'));
}
