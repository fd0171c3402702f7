import { shuffleScale, shuffleWeight } from '../../layout/catalog.ts';
import { rowMajor } from '../../layout/plain.ts';
import { W13_STATES, type W13State, w13Layout, w13ScaleLayout } from '../../layout/w13.ts';
import type { TensorSpec } from '../../tensor/tensor.ts';
import type { MoePlanBuilder } from './plan-builder.ts';
import type { MoeKernels } from './resolve.ts';
import type { ResolvedMoe } from './spec.ts';

/** Elements that share a scale. */
const BLOCK = 32;
/** Columns that a shuffled scale adds are read with zeros: 1.0. */
const SCALE_FILL = 0x7f;

/** Names of the weights as a kernel gets them. */
export interface LoadedNames {
  readonly w13: string;
  readonly w13_scale: string;
  readonly w2: string;
  readonly w2_scale: string;
  readonly w13_bias?: string;
  readonly w2_bias?: string;
}

/**
 * Names for the plan's steps, and for the op that runs the plan here: that one wants weight and scale in one family, while CK
 * reads unshuffled weights with shuffled scales.
 */
export interface PreparedWeights {
  readonly kernel: LoadedNames;
  readonly run: LoadedNames;
}

/** The six tensors of the experts, [E, 2 I, H] and [E, H, I] with their scales and biases. */
export interface ExpertShape {
  readonly experts: number;
  readonly inter: number;
  readonly hidden: number;
}

/** Any L6 stands for all: no kernel reads one. */
export function stateOf(id: W13State['id']): W13State {
  return W13_STATES.find((state) => state.id === id) as W13State;
}

/** Rows over all experts, as shuffled scales have them. */
const flat = (experts: number, rows: number, groups: number): readonly number[] => [experts * rows, groups];

function weightSpecs(
  suffix: string,
  shape: ExpertShape,
  w13: W13State,
  w2Shuffled: boolean,
): Readonly<Record<string, TensorSpec>> {
  const { experts, inter, hidden } = shape;
  const [gateUp, down] = [
    [experts, 2 * inter, hidden],
    [experts, hidden, inter],
  ];
  const groups = (size: number): number => size / BLOCK;
  const scale = { type: 'e8m0', scaling: 'e8m0' } as const;
  return {
    w13: { name: `w13${suffix}`, type: 'e2m1', layout: w13Layout(w13, gateUp) },
    w13_scale: {
      name: `w13_scale${suffix}`,
      ...scale,
      layout: w13ScaleLayout(w13, [experts, 2 * inter, groups(hidden)]),
    },
    w2: { name: `w2${suffix}`, type: 'e2m1', layout: w2Shuffled ? shuffleWeight(down, { bits: 4 }) : rowMajor(down) },
    w2_scale: {
      name: `w2_scale${suffix}`,
      ...scale,
      layout: w2Shuffled
        ? shuffleScale(flat(experts, hidden, groups(inter)))
        : rowMajor([experts, hidden, groups(inter)]),
    },
  };
}

function biasSpecs(
  suffix: string,
  type: 'f32' | 'bf16',
  { experts, inter, hidden }: ExpertShape,
  w13: W13State,
): Readonly<Record<string, TensorSpec>> {
  const rows = { ...w13, shuffle: 'none' } as const;
  return {
    w13_bias: { name: `w13_bias${suffix}`, type, layout: w13Layout(rows, [experts, 2 * inter], 8) },
    w2_bias: { name: `w2_bias${suffix}`, type, layout: rowMajor([experts, hidden]) },
  };
}

/** Declares weights that are stored in an order already, padded. Nothing happens to them but that unshuffled scales are shuffled. */
export function addStoredWeights(
  builder: MoePlanBuilder,
  moe: ResolvedMoe,
  state: W13State,
  kernels: MoeKernels,
): PreparedWeights {
  const w2Shuffled = kernels.expectsW2 === 'shuffled';
  const shape = { experts: moe.experts, inter: moe.sizes.paddedInter, hidden: moe.sizes.paddedHidden };
  const specs = {
    ...weightSpecs('', shape, state, w2Shuffled),
    ...(moe.bias ? biasSpecs('', 'f32', shape, state) : {}),
  };
  for (const spec of Object.values(specs)) builder.operand('load', spec);
  if (state.id === 'L1') return addShuffles(builder, specs, shape, kernels);
  return { kernel: namesOf(specs), run: namesOf(specs) };
}

/** Declares the checkpoint's tensors of this rank and appends what turns them into what the kernel reads. */
export function addWeightSteps(builder: MoePlanBuilder, moe: ResolvedMoe, kernels: MoeKernels): PreparedWeights {
  const { experts, sizes, channels, checkpoint } = moe;
  const given = stateOf(checkpoint === 'interleaved' ? 'L0' : 'L1');
  const raw = { experts, inter: channels.count, hidden: sizes.hidden };
  const padded = { experts, inter: sizes.paddedInter, hidden: sizes.paddedHidden };
  let now = weightSpecs('', raw, given, false);
  if (moe.bias) now = { ...now, ...biasSpecs('', 'bf16', raw, given) };
  for (const spec of Object.values(now)) builder.operand('load', spec);

  if (moe.bias) {
    const cast = biasSpecs('_f32', 'f32', raw, given);
    builder.step({
      kind: 'cast',
      when: 'load',
      op: 'decode',
      inputs: pick(now, Object.keys(cast)),
      makes: cast,
      reason: 'kernels read f32 biases and raise TypeError for others',
      upstream: 'SGLang layer.w13_weight_bias.data.to(torch.float32)',
    });
    now = { ...now, ...cast };
  }
  if (raw.inter !== padded.inter || raw.hidden !== padded.hidden) {
    const makes = {
      ...weightSpecs('_padded', padded, given, false),
      ...(moe.bias ? biasSpecs('_padded', 'f32', padded, given) : {}),
    };
    builder.step({
      kind: 'pad',
      when: 'load',
      params: { inter: padded.inter, hidden: padded.hidden, scaleFill: 0 },
      inputs: pick(now, Object.keys(makes)),
      makes,
      reason: `H to ${padded.hidden} and I to ${padded.inter} with zeros: kernels compute whole tiles of 256`,
      upstream: 'SGLang Mxfp4MoEMethod.create_weights allocates padded zeros and copies the checkpoint into them',
    });
    now = makes;
  }
  const separated = stateOf('L1');
  if (given.id === 'L0') {
    const layouts = {
      ...weightSpecs('_separated', padded, separated, false),
      ...biasSpecs('_separated', 'f32', padded, separated),
    };
    const makes = onlyOf(layouts, ['w13', 'w13_scale', ...(moe.bias ? ['w13_bias'] : [])]);
    builder.step({
      kind: 'de-interleave',
      when: 'load',
      op: 'permute',
      inputs: pick(now, Object.keys(makes)),
      makes,
      reason: 'rows g0, u0, g1, u1, … become all gate rows, then all up rows: weight, scale and bias together',
      upstream: 'SGLang PR 26884: view(e, n // 2, 2, k).permute(0, 2, 1, 3)',
    });
    now = { ...now, ...makes };
  }
  return addShuffles(builder, now, padded, kernels);
}

function addShuffles(
  builder: MoePlanBuilder,
  start: Readonly<Record<string, TensorSpec>>,
  shape: ExpertShape,
  { expects, expectsScale, expectsW2 }: MoeKernels,
): PreparedWeights {
  let now = start;
  const { experts, inter, hidden } = shape;
  const scaleState = stateOf(expectsScale ?? 'L2');
  const targets = weightSpecs('_shuffled', shape, scaleState, true);
  const plain = {
    w13_scale: rowMajor(flat(experts, 2 * inter, hidden / BLOCK)),
    w2_scale: rowMajor(flat(experts, hidden, inter / BLOCK)),
  };
  const shuffleWeightStep = (name: 'w13' | 'w2', upstream: string): void => {
    const makes = onlyOf(targets, [name]);
    builder.step({
      kind: 'shuffle-weight',
      when: 'load',
      op: 'permute',
      inputs: pick(now, [name]),
      makes,
      reason: 'a lane loads 16 bytes of a row straight into the registers of its matrix instruction',
      upstream,
    });
    now = { ...now, ...makes };
  };
  const shuffleScaleStep = (name: 'w13_scale' | 'w2_scale', upstream: string): void => {
    const before = builder.spec((now[name] as TensorSpec).name);
    const flattened = { ...before, name: `${name}_flat`, layout: plain[name] };
    builder.step({
      kind: 'flatten',
      when: 'load',
      params: {},
      inputs: { [name]: before.name },
      makes: { [name]: flattened },
      free: true,
      reason: 'shuffle_scale wants [E * rows, G]',
    });
    const makes = onlyOf(targets, [name]);
    builder.step({
      kind: 'shuffle-scale',
      when: 'load',
      op: 'permute',
      params: { fill: SCALE_FILL },
      inputs: { [name]: flattened.name },
      makes,
      reason: 'one dword of a lane holds the scales of two 16-row blocks and two 128-column slices',
      upstream,
    });
    now = { ...now, ...makes };
  };
  const gui = expectsScale === 'L3';
  if (expects !== 'L1') {
    shuffleWeightStep(
      'w13',
      gui ? 'AITER shuffle_weight(w13, is_guinterleave=True, gate_up=True)' : 'AITER shuffle_weight(w13, (16, 16))',
    );
  }
  shuffleScaleStep(
    'w13_scale',
    gui ? 'AITER shuffle_scale(s, E, is_guinterleave=True, gate_up=True)' : 'AITER shuffle_scale(s)',
  );
  if (start['w2_scale']?.layout.shape.length === 3) {
    if (expectsW2 === 'shuffled') shuffleWeightStep('w2', 'AITER shuffle_weight(w2, (16, 16))');
    shuffleScaleStep('w2_scale', 'AITER shuffle_scale(s)');
  }
  const kernel = namesOf(now);
  const plainNames = namesOf(start);
  return {
    kernel,
    run: {
      ...kernel,
      ...(expects === 'L1' ? { w13_scale: plainNames.w13_scale } : {}),
      ...(expectsW2 === 'plain' ? { w2_scale: plainNames.w2_scale } : {}),
    },
  };
}

function namesOf(specs: Readonly<Record<string, TensorSpec>>): LoadedNames {
  return Object.fromEntries(Object.entries(specs).map(([key, { name }]) => [key, name])) as unknown as LoadedNames;
}

function pick(specs: Readonly<Record<string, TensorSpec>>, keys: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(keys.map((key) => [key, (specs[key] as TensorSpec).name]));
}

function onlyOf(
  specs: Readonly<Record<string, TensorSpec>>,
  keys: readonly string[],
): Readonly<Record<string, TensorSpec>> {
  return Object.fromEntries(keys.map((key) => [key, specs[key] as TensorSpec]));
}
