import { OperandError } from '../errors.ts';
import { shuffleScale, shuffleScaleGuinterleave, shuffleWeight } from '../layout/catalog.ts';
import type { Layout } from '../layout/layout.ts';
import { rowMajor } from '../layout/plain.ts';
import { type W13State, w13ScaleStatesOf, w13StatesOf } from '../layout/w13.ts';
import { requireRank, requireScaling, requireShape, requireType } from '../tensor/expect.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ExpertStateError } from './errors.ts';

/** Elements that share one e8m0 scale. */
export const MX_BLOCK = 32;

/**
 * The first matrix of a mixture of experts with its scales and bias. Logical rows are in separated order, gate before up; the
 * layouts say in which order they are stored.
 */
export interface GateUpParts {
  /** e2m1 `[E, 2 I, H]` */
  readonly w13: Tensor;
  /** e8m0 `[E, 2 I, H / 32]`, or `[E * 2 I, H / 32]` once shuffled */
  readonly w13_scale: Tensor;
  /** f32 `[E, 2 I]`, never shuffled */
  readonly w13_bias?: Tensor;
}

/** The second matrix. Its rows have one order only. */
export interface DownParts {
  /** e2m1 `[E, H, I]` */
  readonly w2: Tensor;
  /** e8m0 `[E, H, I / 32]`, or `[E * H, I / 32]` once shuffled */
  readonly w2_scale: Tensor;
  /** f32 `[E, H]` */
  readonly w2_bias?: Tensor;
}

/** All weights of one mixture-of-experts layer. */
export interface ExpertWeights extends GateUpParts, DownParts {}

export interface GateUpFacts {
  readonly experts: number;
  /** I: gate rows of an expert. */
  readonly inter: number;
  readonly hidden: number;
  readonly state: W13State;
}

/**
 * Checks types and shapes of w13, its scales and bias, and that all three are in one state.
 * @throws OperandError for a type or shape
 * @throws ExpertStateError when the parts are in different states, or in none that is known
 */
export function gateUpFacts(where: string, parts: GateUpParts): GateUpFacts {
  const { w13, w13_scale, w13_bias } = parts;
  requireType(where, w13, 'e2m1');
  requireRank(where, w13, 3, 3, 'E, 2 * I, H');
  const [experts = 0, rows = 0, hidden = 0] = w13.layout.shape;
  if (rows % 2 !== 0)
    throw new OperandError(
      where,
      w13.name,
      `has ${rows} rows an expert, expected an even number: gate and up rows come in pairs.`,
    );
  requireWholeBlocks(where, w13, 'H', hidden);
  requireScales(where, w13_scale, [experts, rows, hidden / MX_BLOCK], w13);
  if (w13_bias !== undefined) {
    requireType(where, w13_bias, 'f32');
    requireShape(where, w13_bias, [experts, rows], `E, 2 * I of ${w13.name}`);
  }
  const state = commonState(where, parts, experts);
  return { experts, inter: rows / 2, hidden, state };
}

/** Whether scales and bias follow the weight. Where a small shape allows several states, one must fit all parts. */
function commonState(where: string, { w13, w13_scale, w13_bias }: GateUpParts, experts: number): W13State {
  const weight = w13StatesOf(w13.layout);
  const scale = w13ScaleStatesOf(w13_scale.layout, experts);
  const bias = w13_bias === undefined ? undefined : w13StatesOf(w13_bias.layout, 32);
  const isBiasOf = (state: W13State): boolean =>
    bias === undefined || bias.some(({ deinterleaved }) => deinterleaved === state.deinterleaved);
  const found = weight.find((state) => scale.includes(state) && isBiasOf(state));
  if (found !== undefined) return found;
  const states: Record<string, string> = {
    [w13.name]: nameOf(weight, w13.layout),
    [w13_scale.name]: nameOf(scale, w13_scale.layout),
  };
  if (w13_bias !== undefined && bias !== undefined) states[w13_bias.name] = nameOf(bias, w13_bias.layout);
  const list = Object.entries(states).map(([name, state]) => `${name} is ${state}`);
  throw new ExpertStateError(
    where,
    states,
    `${list.join(', ')}: they must be in one state, because rows of weight, scale and bias move together. ` +
      'Take all of them from the step before the one that was half applied.',
  );
}

function nameOf(states: readonly W13State[], layout: Layout): string {
  const [first] = states;
  return first === undefined ? `stored as ${layout.id}, which is no order of w13` : `${first.id} (${first.title})`;
}

export interface DownFacts {
  readonly experts: number;
  readonly inter: number;
  readonly hidden: number;
  readonly shuffled: boolean;
}

/**
 * Checks types and shapes of w2, its scales and bias, and that weight and scales are both shuffled or both not.
 * @throws OperandError, ExpertStateError
 */
export function downFacts(where: string, parts: DownParts): DownFacts {
  const { w2, w2_scale, w2_bias } = parts;
  requireType(where, w2, 'e2m1');
  requireRank(where, w2, 3, 3, 'E, H, I');
  const [experts = 0, hidden = 0, inter = 0] = w2.layout.shape;
  requireWholeBlocks(where, w2, 'I', inter);
  requireScales(where, w2_scale, [experts, hidden, inter / MX_BLOCK], w2);
  if (w2_bias !== undefined) {
    requireType(where, w2_bias, 'f32');
    requireShape(where, w2_bias, [experts, hidden], `E, H of ${w2.name}`);
  }
  const weight = plainOrShuffled(w2.layout, () => [shuffleWeight(w2.layout.shape, { bits: 4 })]);
  const flat = [experts * hidden, inter / MX_BLOCK];
  const scale = plainOrShuffled(w2_scale.layout, () => [
    shuffleScale(flat),
    ...(hidden % 32 === 0 ? [shuffleScaleGuinterleave(flat, { experts, gateUp: false })] : []),
  ]);
  if (weight === undefined || weight !== scale) {
    const states = {
      [w2.name]: weight ?? `stored as ${w2.layout.id}, which is no order of w2`,
      [w2_scale.name]: scale ?? `stored as ${w2_scale.layout.id}, which is no order of its scales`,
    };
    const list = Object.entries(states).map(([name, state]) => `${name} is ${state}`);
    throw new ExpertStateError(where, states, `${list.join(', ')}: both must be plain or both shuffled.`);
  }
  return { experts, inter, hidden, shuffled: weight === 'shuffled' };
}

function plainOrShuffled(layout: Layout, shuffled: () => readonly Layout[]): 'plain' | 'shuffled' | undefined {
  if (layout.equals(rowMajor(layout.shape))) return 'plain';
  return shuffled().some((candidate) => candidate.equals(layout)) ? 'shuffled' : undefined;
}

export interface ExpertFacts extends GateUpFacts {
  readonly w2Shuffled: boolean;
}

/**
 * Checks a whole layer: each matrix, and that both have the same experts, I and H.
 * @throws OperandError, ExpertStateError
 */
export function expertFacts(where: string, weights: ExpertWeights): ExpertFacts {
  const gateUp = gateUpFacts(where, weights);
  const { experts, inter, hidden } = gateUp;
  requireShape(where, weights.w2, [experts, hidden, inter], `E, H, I of ${weights.w13.name}`);
  return { ...gateUp, w2Shuffled: downFacts(where, weights).shuffled };
}

function requireWholeBlocks(where: string, weight: Tensor, what: string, size: number): void {
  if (size % MX_BLOCK === 0) return;
  throw new OperandError(
    where,
    weight.name,
    `has ${what} = ${size}, expected a multiple of ${MX_BLOCK}: ${MX_BLOCK} elements share a scale.`,
  );
}

function requireScales(where: string, scale: Tensor, shape: readonly [number, number, number], weight: Tensor): void {
  requireType(where, scale, 'e8m0');
  requireScaling(where, scale, 'e8m0');
  const [experts, rows, groups] = shape;
  if (scale.layout.shape.length === 2)
    requireShape(where, scale, [experts * rows, groups], `E * rows, columns / 32 of ${weight.name}`);
  else requireShape(where, scale, shape, `E, rows, columns / 32 of ${weight.name}`);
}
