import type { Layout } from '../../layout/layout.ts';
import { matches } from '../../layout/matches.ts';
import { rowMajor } from '../../layout/plain.ts';
import { shuffleScale, shuffleScaleGuinterleave } from '../../layout/scales.ts';
import { type W13State, w13ScaleStatesOf, w13StatesOf } from '../../layout/w13.ts';
import { shuffleWeight } from '../../layout/weights.ts';
import { LayoutMismatchError } from '../../tensor/errors.ts';
import type { TensorSpec } from '../../tensor/tensor.ts';

/**
 * How gate_up weights and their scales are stored, together:
 * - `separated` (L1): row-major, all gate rows before all up rows;
 * - `interleaved-checkpoint` (L0): rows g0, u0, g1, u1, …, not shuffled;
 * - `shuffled-separated` (L2): `shuffle_weight`, scales `shuffle_scale`;
 * - `shuffled-guinterleave` (L3): `shuffle_weight` and `shuffle_scale` with is_guinterleave and gate_up.
 */
export type W13Family = 'separated' | 'interleaved-checkpoint' | 'shuffled-separated' | 'shuffled-guinterleave';

/** How down weights and their scales are stored. They have no gate and up rows. */
export type W2Family = 'separated' | 'shuffled-separated';

const FAMILY_OF: Readonly<Record<string, W13Family>> = {
  L0: 'interleaved-checkpoint',
  L1: 'separated',
  L2: 'shuffled-separated',
  L3: 'shuffled-guinterleave',
};

/** Ids of the weight layout and the scale layout of each family. */
const LAYOUT_IDS: Readonly<Record<W13Family, readonly [string, string]>> = {
  separated: ['row-major', 'row-major'],
  'interleaved-checkpoint': ['gate_up_interleaved', 'gate_up_interleaved'],
  'shuffled-separated': ['shuffle_weight(16,16)', 'shuffle_scale'],
  'shuffled-guinterleave': ['shuffle_weight(guinterleave,gate_up)', 'shuffle_scale(guinterleave,gate_up)'],
};

/**
 * The family of gate_up weights [E, 2 I, H] and their scales, [E, 2 I, H / 32] unshuffled or [E * 2 I, H / 32] shuffled. Shapes are
 * taken for granted. In `shuffled-separated` the scales may also lack the padding to 256 rows
 * (`shuffle_scale(guinterleave)` without gate_up): every scale is at the same offset.
 *
 * @throws LayoutMismatchError when either is in no family, or both are in different ones
 */
export function w13Family(weight: TensorSpec, scale: TensorSpec, op = 'w13Family'): W13Family {
  const [experts = 0] = weight.layout.shape;
  const states = w13StatesOf(weight.layout);
  const family = familyOf(states);
  if (family === undefined) throw unreadable(op, weight, states[0], 'weight');
  const scaleStates = w13ScaleStatesOf(scale.layout, experts);
  const scaleFamily = familyOf(scaleStates) ?? (isShuffledScale(scale, experts) ? 'shuffled-separated' : undefined);
  if (scaleFamily === undefined) throw unreadable(op, scale, scaleStates[0], 'scale');
  if (scaleFamily !== family) throw apart(op, weight, scale, family);
  return family;
}

/**
 * The family of down weights [E, H, I] and their scales, [E, H, I / 32] row-major or [E * H, I / 32] shuffled.
 * @throws LayoutMismatchError when either is in no family, or both are in different ones
 */
export function w2Family(weight: TensorSpec, scale: TensorSpec, op = 'w2Family'): W2Family {
  const [experts = 0] = weight.layout.shape;
  const family = plainOrShuffled(weight.layout, isShuffledWeight(weight));
  if (family === undefined) throw unreadableDown(op, weight, 'weight');
  const scaleFamily = plainOrShuffled(scale.layout, isShuffledScale(scale, experts));
  if (scaleFamily === undefined) throw unreadableDown(op, scale, 'scale');
  if (scaleFamily !== family) throw apart(op, weight, scale, family);
  return family;
}

function familyOf(states: readonly W13State[]): W13Family | undefined {
  return states.map(({ id }) => FAMILY_OF[id]).find((family) => family !== undefined);
}

function plainOrShuffled(layout: Layout, shuffled: boolean): W2Family | undefined {
  if (shuffled) return 'shuffled-separated';
  return layout.shape.length === 3 && layout.equals(rowMajor(layout.shape)) ? 'separated' : undefined;
}

function isShuffledWeight({ layout }: TensorSpec): boolean {
  return matches(layout, () => shuffleWeight(layout.shape, { bits: 4 }));
}

/** `shuffle_scale`, or the same without padded rows. */
function isShuffledScale({ layout }: TensorSpec, experts: number): boolean {
  if (layout.shape.length !== 2) return false;
  return (
    matches(layout, () => shuffleScale(layout.shape)) ||
    matches(layout, () => shuffleScaleGuinterleave(layout.shape, { experts, gateUp: false }))
  );
}

type Part = 'weight' | 'scale';

/** Stored in an order that no kernel reads as gate_up rows. */
function unreadable(op: string, tensor: TensorSpec, state: W13State | undefined, part: Part): LayoutMismatchError {
  const ids = [...new Set(Object.values(LAYOUT_IDS).map((both) => both[part === 'weight' ? 0 : 1]))];
  if (state === undefined) {
    const remedy = `Permute it to rowMajor([${unflattened(tensor)}]), with all gate rows before all up rows; weight and scale move together.`;
    return new LayoutMismatchError(op, tensor.name, tensor.layout, ids, remedy);
  }
  const remedy = 'Start again from the checkpoint: de-interleave once, then shuffle once, weight and scale alike.';
  const problem = `which is ${state.id}: ${state.title}. This op reads ${ids.join(' or ')}.`;
  return new LayoutMismatchError(op, tensor.name, tensor.layout, ids, remedy, problem);
}

function unreadableDown(op: string, tensor: TensorSpec, part: Part): LayoutMismatchError {
  const index = part === 'weight' ? 0 : 1;
  const ids = [LAYOUT_IDS.separated[index], LAYOUT_IDS['shuffled-separated'][index]];
  const remedy = `Permute it to rowMajor([${unflattened(tensor)}]); weight and scale move together.`;
  return new LayoutMismatchError(op, tensor.name, tensor.layout, ids, remedy);
}

function unflattened({ layout }: TensorSpec): string {
  return layout.shape.length === 2 ? 'E, rows, columns / 32' : layout.shape.join(', ');
}

/** Weight and scale are both readable, but not together. */
function apart(op: string, weight: TensorSpec, scale: TensorSpec, family: W13Family): LayoutMismatchError {
  const [experts = 0, rows = 0] = weight.layout.shape;
  const groups = scale.layout.shape.at(-1) ?? 0;
  const plain = `[${experts}, ${rows}, ${groups}]`;
  const flat = `[${experts * rows}, ${groups}]`;
  const target = {
    separated: `rowMajor(${plain})`,
    'interleaved-checkpoint': `gateUpInterleaved(${plain})`,
    'shuffled-separated': `shuffleScale(${flat})`,
    'shuffled-guinterleave': `shuffleScaleGuinterleave(${flat}, { experts: ${experts}, gateUp: true })`,
  }[family];
  const [, scaleId] = LAYOUT_IDS[family];
  return new LayoutMismatchError(
    op,
    scale.name,
    scale.layout,
    [scaleId],
    `Permute the scales to ${target}, or store the weights as the scales are; weight and scale move together.`,
    `but its weight "${weight.name}" is stored as ${weight.layout.id}, which goes with ${scaleId} scales.`,
  );
}
