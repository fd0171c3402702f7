import { elementBits } from '../../formats/element-type.ts';
import { encodeArray } from '../../formats/encode.ts';
import { type Layout, scaleTransposedView, shuffleScale, shuffleWeight } from '../../layout/index.ts';
import type { ExpertWeights } from '../../moe/expert-weights.ts';
import { deinterleaveExperts } from '../../moe/gate-up.ts';
import { expertFault, shuffleExperts } from '../../moe/index.ts';
import { syntheticLayer, syntheticLogits, syntheticTokens } from '../../moe/synthetic.ts';
import { definitionOf, type OpName, ops } from '../../ops/registry.ts';
import { assume, tensorFrom } from '../../tensor/make.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asF32 } from '../../tensor/views.ts';
import { resolveLayout } from './layout-ref.ts';
import { activations, coded, type FloatSource, storedIn } from './run-inputs.ts';
import { isMistaken, type RunSpec } from './run-spec.ts';

export type Operands = Readonly<Record<string, Tensor>>;

/** What a spec runs. */
export interface RunCase {
  readonly op: OpName;
  readonly params: object;
  /** What the kernel is given. */
  readonly operands: Operands;
  /** What it should have been given; the same unless a mistake is injected. */
  readonly right: Operands;
  /** The mistaken operands under their true layouts, where a layout describes them. */
  readonly honest?: Operands;
}

/**
 * Makes the operands of a run.
 * @throws PreshuffleError
 */
export function caseOf(spec: RunSpec): RunCase {
  const { example: op } = spec;
  switch (op) {
    case 'permute':
      return permuteCase(spec);
    case 'gemm_a8w8_blockscale':
    case 'gemm_a8w8_blockscale_bpreshuffle':
    case 'gemm_a4w4_bpreshuffle':
      return gemmCase(spec, op);
    case 'topk_softmax':
      return topkCase(spec);
    case 'fused_moe_mxfp4':
      return moeCase(spec);
    default:
      return quantCase(spec);
  }
}

function plainCase(op: OpName, params: object, operands: Operands): RunCase {
  return { op, params, operands, right: operands };
}

function layout(spec: RunSpec, ref: string): Layout {
  return resolveLayout(ref, spec.shape, { bits: elementBits(spec.type), experts: spec.experts }).layout;
}

function permuteCase(spec: RunSpec): RunCase {
  const from = layout(spec, spec.from);
  const x = storedIn(coded('x', spec.type, from.shape), from);
  return plainCase('permute', { to: layout(spec, spec.to) }, { x });
}

function quantCase({ example, shape, type, options }: RunSpec): RunCase {
  const { values, scales, ...params } = options;
  const x = activations(type as FloatSource, shape, values === 'special');
  return plainCase(example, { ...params, ...(scales === undefined ? {} : { scaleStore: scales }) }, { x });
}

type Gemm = 'gemm_a8w8_blockscale' | 'gemm_a8w8_blockscale_bpreshuffle' | 'gemm_a4w4_bpreshuffle';

function gemmCase(spec: RunSpec, op: Gemm): RunCase {
  const [N = 0, K = 0] = spec.shape;
  const M = Number(spec.options['M']);
  const plain = op === 'gemm_a4w4_bpreshuffle' ? fp4Operands(M, N, K) : fp8Operands(spec.type, M, N, K);
  const right = storedFor(op, plain);
  const params = { out: spec.options['out'] };
  if (!isMistaken(spec)) return plainCase(op, params, right);
  const reads = right['w'] as Tensor;
  const written = storedIn(plain['w'] as Tensor, layout(spec, spec.from));
  const claimed = assume(written, { type: reads.type, layout: reads.layout });
  return { op, params, right, operands: { ...right, w: claimed }, honest: { ...right, w: written } };
}

function fp8Operands(type: RunSpec['type'], M: number, N: number, K: number): Operands {
  const groups = Math.ceil(K / 128);
  return {
    x: coded('x', type, [M, K], { start: 2 ** 32 }),
    w: coded('w', type, [N, K]),
    x_scale: coded('x_scale', 'f32', [M, groups], { start: 2 ** 33, scaling: 'f32' }),
    w_scale: coded('w_scale', 'f32', [Math.ceil(N / 128), groups], { start: 2 ** 34, scaling: 'f32' }),
  };
}

function fp4Operands(M: number, N: number, K: number): Operands {
  return {
    x: coded('x', 'e2m1', [M, K], { start: 2 ** 32 }),
    w: coded('w', 'e2m1', [N, K]),
    x_scale: coded('x_scale', 'e8m0', [M, K / 32], { start: 2 ** 33, scaling: 'e8m0' }),
    w_scale: coded('w_scale', 'e8m0', [N, K / 32], { start: 2 ** 34, scaling: 'e8m0' }),
  };
}

/** Row-major operands where an op wants them. */
function storedFor(op: Gemm, plain: Operands): Operands {
  const moved = (name: string, to: (shape: readonly number[]) => Layout): Operands => {
    const source = plain[name] as Tensor;
    return { [name]: storedIn(source, to(source.layout.shape)) };
  };
  switch (op) {
    case 'gemm_a8w8_blockscale':
      return plain;
    case 'gemm_a8w8_blockscale_bpreshuffle':
      return {
        ...plain,
        ...moved('w', (shape) => shuffleWeight(shape, { bits: 8 })),
        ...moved('x_scale', scaleTransposedView),
      };
    case 'gemm_a4w4_bpreshuffle':
      return {
        ...plain,
        ...moved('w', (shape) => shuffleWeight(shape, { bits: 4 })),
        ...moved('x_scale', shuffleScale),
        ...moved('w_scale', shuffleScale),
      };
  }
}

function topkCase({ shape, type, options }: RunSpec): RunCase {
  const [tokens = 0, experts = 0] = shape;
  const exact = syntheticLogits(tokens, experts);
  const logits =
    type === 'f32' ? exact : tensorFrom('logits', type, shape, encodeArray(type as FloatSource, asF32(exact)));
  const params = { topk: options['topk'], order: options['order'], renormalize: options['renormalize'] === 'true' };
  return plainCase('topk_softmax', params, { logits });
}

function moeCase({ shape, options }: RunSpec): RunCase {
  const [experts = 0, rows = 0, hidden = 0] = shape;
  const tokens = Number(options['T']);
  const mode = options['gate'] === 'interleave' ? 'interleave' : 'separated';
  const checkpoint = syntheticLayer({ experts, inter: rows / 2, hidden });
  const logits = syntheticLogits(tokens, experts);
  const { ids, weights } = ops.topk_softmax.reference(
    { topk: Number(options['topk']), order: 'topk-softmax' },
    { logits },
  );
  const operands = (layer: Partial<ExpertWeights>): Operands => {
    const entries = Object.entries({
      x: syntheticTokens(tokens, hidden),
      w1: layer.w13,
      w1_scale: layer.w13_scale,
      w1_bias: layer.w13_bias,
      w2: layer.w2,
      w2_scale: layer.w2_scale,
      w2_bias: layer.w2_bias,
      topk_ids: ids,
      topk_weights: weights,
    });
    return Object.fromEntries(entries.filter((entry): entry is [string, Tensor] => entry[1] !== undefined));
  };
  const right = operands(shuffleExperts(deinterleaveExperts(checkpoint), mode, { align: 1 }));
  const params = { scheme: options['scheme'], activation: options['activation'] };
  if (options['wrong'] === 'none') return plainCase('fused_moe_mxfp4', params, right);
  const fault = expertFault(String(options['wrong'])).apply(checkpoint, mode);
  const honest = operands(fault.honest);
  const described = definitionOf('fused_moe_mxfp4').inputs.every((name) => honest[name] !== undefined);
  return {
    op: 'fused_moe_mxfp4',
    params,
    right,
    operands: operands(fault.claimed),
    ...(described ? { honest } : {}),
  };
}
