import type { MxScaleMode } from '../../formats/mx-scale.ts';
import { rowMajor } from '../../layout/plain.ts';
import type { ExpertWeights } from '../../moe/expert-weights.ts';
import { deinterleaveExperts } from '../../moe/gate-up.ts';
import { shuffleExperts } from '../../moe/shuffle.ts';
import { syntheticLayer, syntheticLogits, syntheticTokens } from '../../moe/synthetic.ts';
import { fusedMoeMxfp4 } from '../../ops/fused-moe-mxfp4.ts';
import { moeStage1Mxfp4 } from '../../ops/moe-stage1-mxfp4.ts';
import { moeStage2Mxfp4 } from '../../ops/moe-stage2-mxfp4.ts';
import { mxfp4Quant } from '../../ops/mxfp4-quant.ts';
import { mxfp8Quant } from '../../ops/mxfp8-quant.ts';
import type { MoeActivation, MoeScheme } from '../../ops/shared/moe-params.ts';
import { type TopkSoftmaxParams, topkSoftmax } from '../../ops/topk-softmax.ts';
import { asBytes, tensor } from '../../tensor/make.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { GoldenFileBuilder } from './file-builder.ts';
import { activations } from './inputs.ts';

const [E, TOPK, H, I] = [5, 2, 128, 64] as const;

/** Cases of the MXFP4 path that the files of the reference projects lack: every stored order, every scheme, each stage alone. */
export function moePathFile(): Uint8Array {
  const file = new GoldenFileBuilder();
  routing(file);
  whole(file);
  stages(file);
  return file.bytes();
}

function routing(file: GoldenFileBuilder): void {
  const cases: readonly (readonly [string, number, number, 'f32' | 'bf16', TopkSoftmaxParams])[] = [
    ['gpt_oss', 7, 32, 'bf16', { topk: 4, order: 'topk-softmax' }],
    ['renormalised', 6, 128, 'f32', { topk: 4 }],
    ['not_renormalised', 3, 9, 'f32', { topk: 3, renormalize: false }],
    ['ties', 2, 16, 'bf16', { topk: 8 }],
  ];
  for (const [name, T, experts, src, params] of cases) {
    const logits =
      name === 'ties'
        ? tensor('logits', src, rowMajor([T, experts]), new Uint8Array(T * experts * 2))
        : src === 'f32'
          ? syntheticLogits(T, experts)
          : activations('logits', src, [T, experts]);
    const { ids, weights } = topkSoftmax.reference(params, { logits });
    const { topk, order = 'softmax-topk', renormalize = true } = params;
    const meta = { op: 'topk_softmax', tokens: T, experts, topk, order, renormalize, src };
    file.add(`routing_${name}`, meta, { logits, ids, weights });
  }
}

/** Orders in which w1 and w2 are stored, with the names that golden cases give to them. */
const ORDERS = {
  L0: { w1: ['gate_up_interleaved', 'gate_up_interleaved'], w2: ['row_major', 'row_major'] },
  L1: { w1: ['row_major', 'row_major'], w2: ['row_major', 'row_major'] },
  L2: { w1: ['shuffle_weight', 'shuffle_scale'], w2: ['shuffle_weight', 'shuffle_scale'] },
  L3: {
    w1: ['shuffle_weight_guinterleave', 'shuffle_scale_guinterleave'],
    w2: ['shuffle_weight', 'shuffle_scale'],
  },
} as const;
type Order = keyof typeof ORDERS;

/** One layer in an order. The padding of shuffled scales is NaN: a kernel that reads it cannot hide. */
function stored(order: Order): ExpertWeights {
  const checkpoint = syntheticLayer({ experts: E, hidden: H, inter: I });
  const separated = deinterleaveExperts(checkpoint);
  if (order === 'L1') return separated;
  // The ops take the bias in separated order in any case.
  if (order === 'L0') {
    const { w13, w13_scale } = checkpoint;
    return { ...separated, w13, w13_scale };
  }
  return shuffleExperts(separated, order === 'L2' ? 'separated' : 'interleave', { align: 1, scaleFill: 255 });
}

/** Distinct experts for each token; expert 3 gets none. `local` leaves some routes to other ranks. */
function routes(tokens: number, local = false): { readonly topk_ids: Tensor; readonly topk_weights: Tensor } {
  const own = [2, 0, 4, 1];
  const ids = Int32Array.from({ length: tokens * TOPK }, (_, route) => {
    const id = own[(Math.floor(route / TOPK) * 3 + route) % own.length] as number;
    return local && route % 3 === 1 ? (route % 2 === 0 ? -1 : E + 2) : id;
  });
  const weights = Float32Array.from(ids, (_, route) => (1 + ((route * 7) % 5)) / 8);
  return {
    topk_ids: tensor('topk_ids', 'i32', rowMajor([tokens, TOPK]), asBytes(ids)),
    topk_weights: tensor('topk_weights', 'f32', rowMajor([tokens, TOPK]), asBytes(weights)),
  };
}

interface Whole {
  readonly activation: MoeActivation;
  readonly scheme: MoeScheme;
  readonly swiglu_limit?: number;
  readonly quantMode?: MxScaleMode;
}

function whole(file: GoldenFileBuilder): void {
  const cases: readonly (readonly [Order, number, Whole, local?: boolean])[] = [
    ['L0', 9, { scheme: 'a16w4', activation: 'swiglu' }],
    ['L1', 1, { scheme: 'a16w4', activation: 'silu', swiglu_limit: 2 }],
    ['L1', 9, { scheme: 'a4w4', activation: 'swiglu', quantMode: 'Even' }],
    ['L2', 9, { scheme: 'a16w4', activation: 'gelu' }],
    ['L2', 5, { scheme: 'a8w4', activation: 'swiglu', swiglu_limit: 3 }],
    ['L2', 17, { scheme: 'a4w4', activation: 'silu' }],
    ['L3', 1, { scheme: 'a16w4', activation: 'swiglu' }],
    ['L3', 9, { scheme: 'a8w4', activation: 'silu', quantMode: 'Ceil' }],
    ['L3', 5, { scheme: 'a4w4', activation: 'swiglu' }],
    ['L3', 9, { scheme: 'a16w4', activation: 'swiglu' }, true],
  ];
  for (const [order, tokens, params, local = false] of cases) {
    const { w13, w13_scale, w13_bias, w2, w2_scale, w2_bias } = stored(order);
    const operands = {
      x: syntheticTokens(tokens, H),
      w1: w13,
      w1_scale: w13_scale,
      w1_bias: w13_bias as Tensor,
      w2,
      w2_scale,
      w2_bias: w2_bias as Tensor,
      ...routes(tokens, local),
    };
    const { h, y } = fusedMoeMxfp4.reference(params, operands);
    const [weight_layout, scale_layout] = ORDERS[order].w1;
    const [w2_layout, w2_scale_layout] = ORDERS[order].w2;
    const layouts = { weight_layout, scale_layout, w2_layout, w2_scale_layout };
    const name = `fused_${order}_${params.scheme}_${params.activation}_${tokens}${local ? '_local' : ''}`;
    const meta = { op: 'fused_moe_mxfp4', ...sizes(tokens), ...params, ...layouts };
    file.add(name, meta, { ...operands, w1: inFile(w13), w1_scale: inFile(w13_scale), ...down(w2, w2_scale), h, y });
  }
}

function stages(file: GoldenFileBuilder): void {
  const tokens = 9;
  const cases: readonly (readonly [Order, MoeScheme, MoeActivation])[] = [
    ['L0', 'a16w4', 'gelu'],
    ['L1', 'a8w4', 'silu'],
    ['L2', 'a4w4', 'swiglu'],
    ['L3', 'a8w4', 'swiglu'],
  ];
  for (const [order, scheme, activation] of cases) {
    const { w13, w13_scale, w13_bias, w2, w2_scale, w2_bias } = stored(order);
    const { topk_ids, topk_weights } = routes(tokens);
    const x = quantised('x', syntheticTokens(tokens, H), scheme);
    const one = { ...x, w13, w13_scale, w13_bias: w13_bias as Tensor, topk_ids };
    const { h } = moeStage1Mxfp4.reference({ scheme, activation }, one);
    const [weight_layout, scale_layout] = ORDERS[order].w1;
    const meta = { ...sizes(tokens), scheme };
    file.add(
      `stage1_${order}_${scheme}_${activation}`,
      { op: 'moe_stage1_mxfp4', ...meta, activation, weight_layout, scale_layout },
      { ...one, ...inFiles(x), w13: inFile(w13), w13_scale: inFile(w13_scale), h },
    );

    const codes = quantised('h', h, scheme);
    const two = { ...codes, w2, w2_scale, w2_bias: w2_bias as Tensor, topk_ids, topk_weights };
    const { y } = moeStage2Mxfp4.reference({ scheme }, two);
    const [downWeight, downScale] = ORDERS[order].w2;
    file.add(
      `stage2_${order}_${scheme}`,
      { op: 'moe_stage2_mxfp4', ...meta, weight_layout: downWeight, scale_layout: downScale },
      { ...two, ...inFiles(codes), ...down(w2, w2_scale), y },
    );
  }
}

function sizes(tokens: number): Readonly<Record<string, number>> {
  return { tokens, experts: E, topk: TOPK, inter: I, hidden: H };
}

/** bf16 activations in the formats of a scheme. */
function quantised<N extends 'x' | 'h'>(
  name: N,
  source: Tensor,
  scheme: MoeScheme,
): { readonly [K in N]: Tensor } & { readonly [K in `${N}_scale`]?: Tensor } {
  const result = (): Readonly<Record<string, Tensor>> => {
    if (scheme === 'a16w4') return { [name]: source };
    const { y, scale } =
      scheme === 'a8w4' ? mxfp8Quant.reference({}, { x: source }) : mxfp4Quant.reference({}, { x: source });
    return { [name]: { ...y, name }, [`${name}_scale`]: { ...scale, name: `${name}_scale` } };
  };
  return result() as ReturnType<typeof quantised<N>>;
}

/** The shape in a file: as stored, with two fp4 codes a byte. */
function inFile(given: Tensor): readonly [Tensor, readonly number[]] {
  const shape = given.layout.storageShape;
  return [given, given.type === 'e2m1' ? [...shape.slice(0, -1), (shape.at(-1) ?? 0) / 2] : shape];
}

function inFiles(
  given: Readonly<Record<string, Tensor | undefined>>,
): Readonly<Record<string, readonly [Tensor, readonly number[]]>> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, one]) => (one === undefined ? [] : [[name, inFile(one)]])),
  );
}

function down(w2: Tensor, w2_scale: Tensor): Readonly<Record<string, readonly [Tensor, readonly number[]]>> {
  return { w2: inFile(w2), w2_scale: inFile(w2_scale) };
}
