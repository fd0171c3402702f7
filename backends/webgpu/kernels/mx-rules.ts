import { formatFacts } from '../../../src/formats/facts.ts';
import type { MxElement, MxScaleMode } from '../../../src/formats/mx-scale.ts';
import type { GpuArray } from '../buffers.ts';
import type { KernelCall } from '../kernel.ts';
import type { OpRun } from './kernel.ts';
import { packCalls } from './quant-calls.ts';
import type { ScaleRule } from './quant-rules.ts';

/** The e8m0 scale of a block in the terms of `quant_scale.wgsl`. */
export function mxScaleRule(element: MxElement, mode: MxScaleMode): ScaleRule {
  const { max, mantissaBits } = formatFacts(element);
  const maxExponent = Math.floor(Math.log2(max));
  switch (mode) {
    case 'RoundDown':
      return { by: 'divide', factor: 2 ** maxExponent, rounding: 'e8m0-floor' };
    case 'RoundUp':
      return { by: 'divide', factor: max, rounding: 'e8m0-ceil' };
    case 'Ceil':
      return { by: 'divide', factor: 2 ** maxExponent, rounding: 'e8m0-ceil' };
    case 'Even':
      return { rounding: 'e8m0-even', mantissaBits, maxExponent };
  }
}

/** Room for `count` words that `packByteCalls` can read in whole fours. */
export function byteWords(run: OpRun, count: number, label: string): GpuArray {
  return run.scratch(Math.ceil(count / 4) * 16, label);
}

/** Packs `count` bytes that lie one a word (made by `byteWords`). */
export function packByteCalls(run: OpRun, words: GpuArray, count: number, packed: GpuArray): readonly KernelCall[] {
  return packCalls(run.gpu, words, Math.ceil(count / 4), 4, 0, packed, run.scratch(4, 'invalid scale'));
}
