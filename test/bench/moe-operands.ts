import {
  deinterleaveExperts,
  padExperts,
  shuffleExperts,
  syntheticLayer,
  syntheticLogits,
} from '../../src/moe/index.ts';
import type { MoeLayerSizes } from '../../src/moe/synthetic.ts';
import { ops } from '../../src/ops/registry.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asI32 } from '../../src/tensor/views.ts';

export type W13Order = 'L0' | 'L1' | 'L2' | 'L3';

const ALIGN = 256;

/** A layer as `fused_moe_mxfp4` takes it. */
export interface LayerOperands {
  readonly experts: number;
  /** As stored: padded to 256 for the shuffled orders. */
  readonly hidden: number;
  readonly inter: number;
  readonly weights: Readonly<Record<string, Tensor>>;
  route(tokens: number): Promise<{ readonly topk_ids: Tensor; readonly topk_weights: Tensor }>;
}

/** Prepares a synthetic layer as a loader does: de-interleave, pad, shuffle. L0 and L1 stay as the checkpoint has them, unpadded. */
export function layerOperands(sizes: MoeLayerSizes & { readonly topk: number }, order: W13Order): LayerOperands {
  const checkpoint = syntheticLayer(sizes);
  const separated = deinterleaveExperts(checkpoint);
  const shuffled = order === 'L2' || order === 'L3';
  const up = (size: number): number => (shuffled ? Math.ceil(size / ALIGN) * ALIGN : size);
  const hidden = up(sizes.hidden);
  const inter = up(sizes.inter);
  const prepared = shuffled
    ? shuffleExperts(padExperts(separated, { hidden, inter }), order === 'L2' ? 'separated' : 'interleave')
    : separated;
  // The op takes the bias in separated order, whatever the weights are in.
  const [w1, w1_scale] = order === 'L0' ? [checkpoint.w13, checkpoint.w13_scale] : [prepared.w13, prepared.w13_scale];
  const { w13_bias, w2, w2_scale, w2_bias } = prepared;
  return {
    experts: sizes.experts,
    hidden,
    inter,
    weights: { w1, w1_scale, w2, w2_scale, w1_bias: w13_bias as Tensor, w2_bias: w2_bias as Tensor },
    async route(tokens) {
      const logits = syntheticLogits(tokens, sizes.experts);
      const { ids, weights } = ops.topk_softmax.reference({ topk: sizes.topk, order: 'topk-softmax' }, { logits });
      return { topk_ids: ids, topk_weights: weights };
    },
  };
}

/** Bytes of weights and scales of the experts that get a token. */
export function weightBytes(layer: LayerOperands, ids: Tensor): number {
  const routed = new Set(asI32(ids)).size;
  const names = ['w1', 'w1_scale', 'w2', 'w2_scale'];
  const all = names.reduce((sum, name) => sum + (layer.weights[name]?.bytes.byteLength ?? 0), 0);
  return (all / layer.experts) * routed;
}
