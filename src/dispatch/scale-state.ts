import { scaleColumnMajor, scaleRowMajor, scaleTransposedView } from '../layout/activation-scale.ts';
import type { Layout } from '../layout/layout.ts';
import type { BlockScaleKernel, ScaleReading, ScaleState } from './kernels.ts';

/** What a kernel makes of a scale in some state. */
export type ScaleOutcome = 'right' | 'silently-wrong' | 'throws';

/** The layout of a scale [M, G] in a state. */
export function scaleStateLayout(state: ScaleState, shape: readonly [number, number]): Layout {
  switch (state) {
    case 'RM':
      return scaleRowMajor(shape);
    case 'CM':
      return scaleColumnMajor(shape);
    case 'TV':
      return scaleTransposedView(shape);
  }
}

/** Which states each way of reading takes as they are, when M and G are both above 1. */
const ACCEPTED: Readonly<Record<ScaleReading, readonly ScaleState[]>> = {
  'pointer-row-major': ['RM'],
  'pointer-column-major': ['CM', 'TV'],
  strides: ['RM', 'CM'],
  'strides-or-transposed': ['CM', 'TV'],
  'view-transposed': ['TV'],
};

/** What happens when a kernel gets a scale [m, g] in this state as it is. With one row or one group all states have the same bytes. */
export function readScaleAsIs(kernel: BlockScaleKernel, state: ScaleState, m: number, g: number): ScaleOutcome {
  if (m === 1 || g === 1) return 'right';
  if (ACCEPTED[kernel.scaleReading].includes(state)) return 'right';
  // `.view(G, M)` of a strided tensor throws, but not for a square one, which it transposes once more.
  if (kernel.scaleReading === 'view-transposed' && state === 'CM') return m === g ? 'silently-wrong' : 'throws';
  return 'silently-wrong';
}

/** The ways in which a scale gets from one state to another, as torch code. */
export type ScaleConversion = 'none' | 'relabel' | 'copy';

/** One mending step. `relabel` moves no byte. */
export interface ScaleStep {
  readonly from: ScaleState;
  readonly to: ScaleState;
  readonly conversion: ScaleConversion;
  /** What to write in torch. */
  readonly code: string;
}

/**
 * From every state to every other. T (`s.transpose(0, 1).contiguous().view(M, G)`) takes RM to TV; its inverse is not T but
 * `s.view(G, M).transpose(0, 1).contiguous()`.
 */
const STEPS: readonly ScaleStep[] = [
  { from: 'RM', to: 'CM', conversion: 'copy', code: 's.t().contiguous().t()' },
  { from: 'RM', to: 'TV', conversion: 'copy', code: 's.t().contiguous().view(M, G)' },
  { from: 'CM', to: 'RM', conversion: 'copy', code: 's.contiguous()' },
  { from: 'CM', to: 'TV', conversion: 'relabel', code: 's.t().view(M, G)' },
  { from: 'TV', to: 'RM', conversion: 'copy', code: 's.view(G, M).transpose(0, 1).contiguous()' },
  { from: 'TV', to: 'CM', conversion: 'relabel', code: 's.as_strided((M, G), (1, M))' },
];

/** The step from one state to another. */
export function scaleStep(from: ScaleState, to: ScaleState): ScaleStep {
  return STEPS.find((step) => step.from === from && step.to === to) ?? { from, to, conversion: 'none', code: 's' };
}

/** The cheapest proper conversion of a scale [m, g] for a kernel: nothing, a relabelling, or a copy. */
export function mendScale(kernel: BlockScaleKernel, state: ScaleState, m: number, g: number): ScaleStep {
  if (readScaleAsIs(kernel, state, m, g) === 'right') return scaleStep(state, state);
  const steps = ACCEPTED[kernel.scaleReading].map((to) => scaleStep(state, to));
  return steps.find(({ conversion }) => conversion === 'relabel') ?? (steps[0] as ScaleStep);
}

/** The state that a kernel takes without a conversion, for producers that can choose. */
export function preferredScaleState(kernel: BlockScaleKernel): ScaleState {
  return ACCEPTED[kernel.scaleReading][0] as ScaleState;
}
