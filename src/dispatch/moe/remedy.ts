import type { Layout } from '../../layout/layout.ts';
import { type W13LayoutId, w13Layout } from '../../layout/w13.ts';
import type { MoeArrival } from './dispatch.ts';
import type { MoeOutcome } from './outcome.ts';
import { stateOf } from './plan-load.ts';
import type { ResolvedMoe } from './spec.ts';

/** The layout of the padded w13 of a rank in a state. */
export function storedLayout({ experts, sizes }: ResolvedMoe, id: W13LayoutId): Layout {
  return w13Layout(stateOf(id), [experts, 2 * sizes.paddedInter, sizes.paddedHidden]);
}

const SHUFFLES = {
  L1: 'leave the weight as it is, is_shuffled off, and shuffle_scale(w13_scale)',
  L2: 'shuffle_weight(w13, (16, 16)) and shuffle_scale(w13_scale)',
  L3: 'shuffle_weight(w13, is_guinterleave=True, gate_up=True) and shuffle_scale with the same arguments',
} as const;

const OTHER_MODE = { L2: 'SEPARATED', L3: 'INTERLEAVE' } as const;

const FLAG = {
  L1: '',
  L2: ', and set is_shuffled on both weights',
  L3: ', and set is_shuffled on both weights',
} as const;

/** A call that does not come out right, and the same call with is_shuffled set on both weights. */
export interface MoeFault {
  readonly outcome: MoeOutcome;
  readonly flagged: MoeOutcome;
  readonly stored: W13LayoutId;
}

/** What makes a call come out right that does not, as a sentence. */
export function mendMoe(moe: ResolvedMoe, { flags }: MoeArrival, { outcome, flagged, stored }: MoeFault): string {
  const isPlain = stored === 'L0' || stored === 'L1';
  if (isPlain || (flags.w13 && flags.w2)) return mendOrder(moe, outcome, stored);
  const first = 'is_shuffled did not arrive: set it on w13 and w2 after the last .data =, .view() or copy.';
  if (flagged.verdict === 'right') return `${first} Then ${flagged.kernel} runs, which reads ${stored}.`;
  return `${first} Then ${flagged.kernel} runs, which reads ${flagged.expects}. ${mendOrder(moe, flagged, stored)}`;
}

function mendOrder(moe: ResolvedMoe, outcome: MoeOutcome, stored: W13LayoutId): string {
  const { expects } = outcome;
  if (outcome.verdict === 'error' || outcome.evidence === 'open' || expects === undefined || expects === stored) {
    return mendCall(outcome);
  }
  const wanted = SHUFFLES[expects];
  switch (stored) {
    case 'L0':
      return `De-interleave weight, scale and bias, then ${wanted}${FLAG[expects]}.`;
    case 'L1':
      return `The rows are in order: ${wanted}${FLAG[expects]}.`;
    case 'L4':
    case 'L5':
      return `The de-interleave was forgotten. Load the checkpoint again, de-interleave weight, scale and bias, then ${wanted}.`;
    case 'L6':
      return `The rows were de-interleaved twice. Load the checkpoint again, de-interleave ${
        moe.checkpoint === 'interleaved' ? 'once' : 'nothing, for its rows are separated'
      }, then ${wanted}.`;
    default:
      return (
        `Start from separated rows and store ${expects}: ${wanted}. ` +
        `Or choose what reads ${stored}: gate_mode ${OTHER_MODE[stored]}, if no tuned kernel name decides otherwise.`
      );
  }
}

function mendCall({ kernel, reason, evidence }: MoeOutcome): string {
  if (kernel === 'ck2stages' && evidence === 'open') {
    return 'Set AITER_BF16_FP8_MOE_BOUND=0: then activations are fp8 at every size, and FlyDSL runs on shuffled weights. Or pass gate_mode SEPARATED.';
  }
  if (kernel === 'not-implemented') {
    return 'Shuffle both weights and set is_shuffled, or set AITER_SITUV2_A8W4 or AITER_SITUV2_A4W4.';
  }
  if (reason.startsWith('TypeError')) return 'Cast the biases to f32.';
  return 'Choose another kernel: another gate_mode, another tuned row or another type.';
}
