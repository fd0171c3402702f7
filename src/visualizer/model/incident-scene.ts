import type { PairScene } from './diff.ts';

/** Whose bytes are misread. */
export const INCIDENT_OPERANDS = ['weight', 'weight scale', 'activation scale', 'bias'] as const;
export type IncidentOperand = (typeof INCIDENT_OPERANDS)[number];

/** Mistakes that change values and not places, each with a panel of bits. */
export type BitPanelId =
  | 'scale-dropped'
  | 'scale-truncated'
  | 'scale-ceiled'
  | 'float-as-exponents'
  | 'exponents-as-float'
  | 'fn-as-fnuz'
  | 'nibbles-swapped';

/** What is drawn: two layouts, the same bits under two readings, or the channels that a declared pad leaves out. */
export type IncidentPicture =
  | { readonly kind: 'pair'; readonly pair: PairScene }
  | { readonly kind: 'bits'; readonly panel: BitPanelId }
  | { readonly kind: 'pad' };

/**
 * A known mistake as a scene. Ids, titles and origins are those of the golden incidents, which also replay them; they are repeated
 * here because those bring every op along.
 */
export interface IncidentScene {
  readonly id: string;
  readonly title: string;
  /** What happens, in one sentence. */
  readonly happens: string;
  /** What it looks like from outside, in one sentence. */
  readonly looks: string;
  /** Where it happened. */
  readonly origin: string;
  readonly operand: IncidentOperand;
  readonly picture: IncidentPicture;
}
