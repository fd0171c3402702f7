import { encodeArray } from '../formats/encode.ts';
import { gateUpInterleaved } from '../layout/gate-up.ts';
import type { Layout } from '../layout/layout.ts';
import { rowMajor } from '../layout/plain.ts';
import { shuffleScale, shuffleScaleGuinterleave } from '../layout/scales.ts';
import { shuffleWeight, shuffleWeightGuinterleave } from '../layout/weights.ts';
import type { NamedTensors } from '../ops/kernel-call.ts';
import { mxfp8Quant } from '../ops/mxfp8-quant.ts';
import { assume, tensorFrom } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { uniform } from './hash.ts';
import { activationValues, coded, e8m0Scales, padded, saltOf, weightValues } from './operands.ts';
import type { OpProbe, ProbeLayout, ProbeRequest } from './probe.ts';
import { mxfp4, oneHot, renamed } from './quantised.ts';
import { raggedRouting } from './routing.ts';

/** Small enough for a CPU, and with padding in the scales of both weights. */
const SIZES = { tokens: 24, experts: 8, topk: 3, hidden: 256, inter: 128 };

const CHOICES = ['layout', 'bias', 'start', 'poison'] as const;

type MoeOp = 'moe_stage1_mxfp4' | 'moe_stage2_mxfp4' | 'fused_moe_mxfp4';

/** Weight [experts, rows, columns], scale and bias, row-major, separated. */
function plainWeight(request: ProbeRequest, name: string, rows: number, columns: number): NamedTensors {
  const { data, seed, bias } = request;
  const { experts = 0 } = request.sizes;
  const shape = [experts, rows, columns];
  const groups = Math.floor(columns / 32);
  const salt = saltOf(seed, name);
  const scaleSalt = saltOf(seed, `${name}_scale`);
  const { codes, scale } =
    data === 'random'
      ? mxfp4(name, weightValues(experts * rows, columns, salt), shape)
      : {
          codes: coded(name, 'e2m1', shape, salt),
          // An expert further, and half an expert further (gate and up), are distances at which mistakes look.
          scale: e8m0Scales(`${name}_scale`, [experts, rows, groups], scaleSalt, { rows: [rows, rows / 2] }),
        };
  if (!bias) return { [name]: codes, [`${name}_scale`]: scale };
  return { [name]: codes, [`${name}_scale`]: scale, [`${name}_bias`]: biasOf(request, name, [experts, rows]) };
}

/** Biases that differ from row to row, small beside the sums. */
function biasOf({ seed, data }: ProbeRequest, name: string, [experts = 0, rows = 0]: readonly number[]): Tensor {
  const salt = saltOf(seed, `${name}_bias`);
  const size = data === 'random' ? 0.1 : 0.5;
  const values = Float32Array.from({ length: experts * rows }, (_, index) => {
    // Multiples of 2^-12: exact in bf16 checkpoints within a bit, and in every sum.
    return Math.round((2 * uniform(index, salt) - 1) * size * 4096) / 4096;
  });
  return tensorFrom(`${name}_bias`, 'f32', [experts, rows], values);
}

/** Moves weight and scale of `name` where the layout puts them; biases stay in separated order. */
function laidOut(plain: NamedTensors, name: string, gateUp: boolean, { layout, poison }: ProbeRequest): NamedTensors {
  const weight = plain[name] as Tensor;
  const scale = plain[`${name}_scale`] as Tensor;
  const [experts = 0, rows = 0, groups = 0] = scale.layout.shape;
  const layouts = expertLayouts(layout, gateUp, weight.layout.shape, [experts, rows, groups]);
  const flat = layouts.scale.shape.length === 2;
  const source = flat ? assume(scale, { type: 'e8m0', layout: rowMajor(layouts.scale.shape), scaling: 'e8m0' }) : scale;
  return {
    ...plain,
    [name]: padded(weight, layouts.weight, poison),
    [`${name}_scale`]: padded(source, layouts.scale, poison),
  };
}

function expertLayouts(
  layout: ProbeLayout,
  gateUp: boolean,
  weight: readonly number[],
  scale: readonly [number, number, number],
): { readonly weight: Layout; readonly scale: Layout } {
  const [experts, rows, groups] = scale;
  const flat = [experts * rows, groups];
  // Down weights have no gate and up rows: there is one shuffle of them, and nothing to interleave.
  switch (gateUp || layout === 'plain' ? layout : layout === 'checkpoint' ? 'plain' : 'separated') {
    case 'plain':
      return { weight: rowMajor(weight), scale: rowMajor(scale) };
    case 'checkpoint':
      return { weight: gateUpInterleaved(weight), scale: gateUpInterleaved(scale) };
    case 'separated':
      return { weight: shuffleWeight(weight, { bits: 4 }), scale: shuffleScale(flat) };
    case 'interleave':
      return {
        weight: shuffleWeightGuinterleave(weight, { bits: 4, gateUp: true }),
        scale: shuffleScaleGuinterleave(flat, { experts, gateUp: true }),
      };
  }
}

/** Activations [..., columns] of a scheme under `name`, with their scale where there is one. */
function activations(request: ProbeRequest, name: string, shape: readonly number[], scheme: unknown): NamedTensors {
  const { data, seed, start } = request;
  const columns = shape.at(-1) ?? 1;
  const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1);
  const salt = saltOf(seed, name);
  const scaleName = `${name}_scale`;
  const scaleShape = [...shape.slice(0, -1), Math.floor(columns / 32)];
  const type = scheme === 'a8w4' ? 'e4m3fn' : scheme === 'a4w4' ? 'e2m1' : 'bf16';
  if (data === 'one-hot') {
    const picked = assume(oneHot(name, type, rows, columns, start), { type, layout: rowMajor(shape) });
    const ones = new Uint8Array(rows * Math.floor(columns / 32)).fill(127);
    return type === 'bf16'
      ? { [name]: picked }
      : { [name]: picked, [scaleName]: tensorFrom(scaleName, 'e8m0', scaleShape, ones, 'e8m0') };
  }
  if (data === 'address-coded') {
    const codes = coded(name, type, shape, salt);
    if (type === 'bf16') return { [name]: codes };
    const scale = e8m0Scales(scaleName, scaleShape, saltOf(seed, scaleName));
    // The range of e4m3fn is 2^9 wider than that of activations; its scales are that much smaller.
    const bytes = type === 'e4m3fn' ? scale.bytes : scale.bytes.map((byte) => byte + 4);
    return { [name]: codes, [scaleName]: tensorFrom(scaleName, 'e8m0', scaleShape, bytes, 'e8m0') };
  }
  const values = activationValues(rows, columns, salt);
  const bf16 = tensorFrom(name, 'bf16', shape, encodeArray('bf16', values));
  if (type === 'bf16') return { [name]: bf16 };
  if (type === 'e2m1') {
    const { codes, scale } = mxfp4(name, values, shape);
    return { [name]: codes, [scaleName]: scale };
  }
  const { y, scale } = mxfp8Quant.reference({}, { x: bf16 });
  return { [name]: renamed(y, name), [scaleName]: renamed(scale, scaleName) };
}

/** Routes; with one-hot data the first slot of a token has all the weight, so that nothing is mixed. */
function routes({ sizes, seed, data }: ProbeRequest): { readonly topk_ids: Tensor; readonly topk_weights: Tensor } {
  const { tokens = 0, experts = 0, topk = 0 } = sizes;
  const routing = raggedRouting(tokens, experts, topk, saltOf(seed, 'topk_ids'));
  if (data !== 'one-hot') return routing;
  const first = Float32Array.from({ length: tokens * topk }, (_, index) => (index % topk === 0 ? 1 : 0));
  return { ...routing, topk_weights: tensorFrom('topk_weights', 'f32', [tokens, topk], first) };
}

const shapeOf = (operands: NamedTensors, name: string): readonly number[] => operands[name]?.layout.shape ?? [];

export const moeProbes: Readonly<Record<MoeOp, OpProbe>> = {
  moe_stage1_mxfp4: {
    sizes: SIZES,
    choices: CHOICES,
    oneHot:
      'h[t, s] is the activation of column (start + t) mod hidden of w13 of expert topk_ids[t, s], gate rows with up rows',
    params: () => ({ activation: 'swiglu' }),
    make(request) {
      const { tokens = 0, hidden = 0, inter = 0 } = request.sizes;
      return {
        ...activations(request, 'x', [tokens, hidden], request.params['scheme']),
        ...laidOut(plainWeight(request, 'w13', 2 * inter, hidden), 'w13', true, request),
        topk_ids: routes(request).topk_ids,
      };
    },
    sizesOf: (operands) => {
      const [experts = 0, rows = 0, hidden = 0] = shapeOf(operands, 'w13');
      const [tokens = 0, topk = 0] = shapeOf(operands, 'topk_ids');
      return { tokens, experts, topk, hidden, inter: rows / 2 };
    },
  },
  moe_stage2_mxfp4: {
    sizes: SIZES,
    choices: CHOICES,
    oneHot: 'y[t] is column (start + t * topk) mod inter of w2 of expert topk_ids[t, 0]: the other slots have weight 0',
    make(request) {
      const { tokens = 0, topk = 0, hidden = 0, inter = 0 } = request.sizes;
      return {
        ...activations(request, 'h', [tokens, topk, inter], request.params['scheme']),
        ...laidOut(plainWeight(request, 'w2', hidden, inter), 'w2', false, request),
        ...routes(request),
      };
    },
    sizesOf: (operands) => {
      const [experts = 0, hidden = 0, inter = 0] = shapeOf(operands, 'w2');
      const [tokens = 0, topk = 0] = shapeOf(operands, 'topk_ids');
      return { tokens, experts, topk, hidden, inter };
    },
  },
  fused_moe_mxfp4: {
    sizes: SIZES,
    choices: CHOICES,
    oneHot:
      'h[t, s] is the activation of column (start + t) mod hidden of w1 of expert topk_ids[t, s]; y[t] is w2 of expert ' +
      'topk_ids[t, 0] times h[t, 0]',
    params: () => ({ activation: 'swiglu' }),
    make(request) {
      const { tokens = 0, hidden = 0, inter = 0 } = request.sizes;
      return {
        // x is bf16 in every scheme; the op quantises it.
        ...activations(request, 'x', [tokens, hidden], 'a16w4'),
        ...laidOut(plainWeight(request, 'w1', 2 * inter, hidden), 'w1', true, request),
        ...laidOut(plainWeight(request, 'w2', hidden, inter), 'w2', false, request),
        ...routes(request),
      };
    },
    sizesOf: (operands) => {
      const [experts = 0, rows = 0, hidden = 0] = shapeOf(operands, 'w1');
      const [tokens = 0, topk = 0] = shapeOf(operands, 'topk_ids');
      return { tokens, experts, topk, hidden, inter: rows / 2 };
    },
  },
};
