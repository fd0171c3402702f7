import type { KernelCall } from '../../ops/kernel-call.ts';
import type { Hypothesis, MistakenCall, Variant } from '../hypothesis.ts';
import { GEMMS, gemmOperands, gemmSizes, withOperands } from './gemm-calls.ts';
import { rowsFrom } from './gemm-moves.ts';
import { scaleMoved } from './gemm-scale-values.ts';

/** Which row of the weight takes the place of a row, among N. */
type RowOrder = (row: number, N: number) => number;

/** Rows g0, u0, g1, u1, … where all gate rows, then all up rows belong. */
const interleaved: RowOrder = (row, N) => (row % 2) * (N / 2) + Math.floor(row / 2);
const separatedAgain: RowOrder = (row, N) => (row < N / 2 ? 2 * row : 2 * row - N + 1);
const halvesSwapped: RowOrder = (row, N) => (row + N / 2) % N;

/** Mistakes with the order of gate and up rows in a merged gate_up weight. */
export const GEMM_GATE_UP_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'gate-up-rows-interleaved',
    title: 'rows of a merged gate_up weight alternate gate and up where all gate rows, then all up rows belong',
    family: 'gate and up',
    ops: GEMMS,
    symptom:
      'finite garbage after the activation; right output columns in the wrong order where the scales moved along',
    origin: 'SGLang PR 26884, GPT-OSS checkpoints; vLLM issue 42595',
    evidence: 'reported',
    remedy:
      'De-interleave when loading: weight, scales and bias as view(N / 2, 2, ...).transpose(0, 1), before any shuffle.',
    hiddenBy: 'gate and up rows that are alike',
    variants: (call) => orders(call, interleaved, 1),
  },
  {
    id: 'gate-up-rows-deinterleaved-twice',
    title: 'a merged gate_up weight that was separated already is de-interleaved again',
    family: 'gate and up',
    ops: GEMMS,
    symptom:
      'finite garbage after the activation; right output columns in the wrong order where the scales moved along',
    origin: 'vLLM issue 42595; ATOM with DeepSeek-V4: GSM8K 0.45 to 0.00',
    evidence: 'reported',
    remedy:
      'De-interleave only checkpoints whose rows alternate (GPT-OSS); gate_proj and up_proj that come apart stay.',
    hiddenBy: 'gate and up rows that are alike',
    variants: (call) => orders(call, separatedAgain, 1),
  },
  {
    id: 'gate-up-rows-swapped',
    title: 'the up rows of a merged gate_up weight come before the gate rows',
    family: 'gate and up',
    ops: GEMMS,
    symptom: 'the two halves of every output row change places; silu is applied to the wrong one',
    origin: 'derived: order of shards in MergedColumnParallelLinear of vLLM and SGLang, gate 0 and up 1',
    evidence: 'derived',
    remedy: 'Load gate_proj into shard 0 and up_proj into shard 1, weights and scales alike.',
    hiddenBy: 'gate and up rows that are alike',
    variants: (call) => orders(call, halvesSwapped, undefined),
  },
];

/** @param granularity most rows that may share a scale for it to move along; any number that divides a half when undefined */
function orders(call: KernelCall, order: RowOrder, granularity: number | undefined): readonly Variant[] {
  const { N, blockN } = gemmSizes(call);
  if (N % 2 !== 0 || N < 4) return [];
  const scaleMoves = blockN === granularity || (granularity === undefined && (N / 2) % blockN === 0);
  const both: Variant = { detail: 'weight and scale', make: () => reordered(call, order, ['w', 'w_scale']) };
  const weight: Variant = { detail: 'weight only', make: () => reordered(call, order, ['w']) };
  const scale: Variant = { detail: 'scale only', make: () => reordered(call, order, ['w_scale']) };
  return scaleMoves ? [both, weight, scale] : [weight];
}

function reordered(call: KernelCall, order: RowOrder, names: readonly string[]): MistakenCall {
  const { N, blockN } = gemmSizes(call);
  return withOperands(call, {
    ...(names.includes('w') ? { w: rowsFrom(gemmOperands(call).w, (row) => order(row, N)) } : {}),
    ...(names.includes('w_scale')
      ? { w_scale: scaleMoved(call, 'w_scale', (row, group) => [order(row * blockN, N) / blockN, group]) }
      : {}),
  });
}
