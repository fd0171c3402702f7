// Why GPT-OSS scored 0.21: what the dispatcher made of three releases' weights, and what each known mistake does to the output of
// a layer. None of them raises an error. Usage: npm run example -- examples/why-gpt-oss-scored-021.ts [backend]
import {
  asU16,
  type Backend,
  type BackendId,
  decodeArray,
  deinterleaveExperts,
  EXPERT_FAULTS,
  type ExpertWeights,
  moeSituation,
  openBackend,
  ops,
  shuffleExperts,
  syntheticLayer,
  syntheticLogits,
  syntheticTokens,
  type Tensor,
} from 'preshuffle';
import { logitsDiff } from 'preshuffle/golden';

console.log('What became of the weights of gpt-oss-120b, at 64 and at 1024 tokens:');
const LOST = { w13: false, w2: false };
const KEPT = { w13: true, w2: true };
const releases = [
  ['before PR 26884', { rules: 'before-26884', weights: 'upstream' }],
  ['layout mended alone', { rules: 'before-26884', weights: 'L2', isShuffled: LOST }],
  ['flag mended alone', { rules: 'before-26884', weights: 'L3', isShuffled: KEPT }],
  ['PR 26884', { rules: 'pr-26884', weights: 'upstream' }],
  ['PR 27201', { rules: 'pr-27201', weights: 'upstream' }],
] as const;
for (const [release, spec] of releases) {
  const [few, many] = [64, 1024].map((m) => {
    const { stored, arrival, outcome } = moeSituation({ model: 'gpt-oss-120b', arch: 'gfx950', m, ...spec });
    const { verdict, orElse, kernel } = outcome;
    const text = `${verdict}${orElse === undefined ? '' : ` or ${orElse}`} (${kernel})`;
    return { head: `${stored.w13}, ${arrival.gateMode}`, text };
  });
  console.log(`  ${release.padEnd(20)} ${few?.head.padEnd(14)}  ${few?.text.padEnd(40)} ${many?.text}`);
}

const [id = 'cpu'] = process.argv.slice(2);
const backend = await openBackend(id as BackendId);
const [tokens, experts, hidden, inter] = [32, 8, 256, 256];
console.log(`\nOne layer, ${experts} experts, H = I = ${hidden}, ${tokens} tokens on ${backend.device.name}:`);
const checkpoint = syntheticLayer({ experts, hidden, inter });
const x = syntheticTokens(tokens, hidden);
const routed = ops.topk_softmax.reference(
  { topk: 4, order: 'topk-softmax' },
  { logits: syntheticLogits(tokens, experts) },
);

const right = await layerOutput(backend, shuffleExperts(deinterleaveExperts(checkpoint), 'separated'));
for (const { title, apply } of EXPERT_FAULTS) {
  const wrong = await layerOutput(backend, apply(checkpoint, 'separated').claimed);
  console.log(`  logits_diff ${logitsDiff(right, wrong).toFixed(3)}  ${title}`);
}
console.log("AITER's own tests fail above 0.01.");
await backend.dispose();

/** y of the layer; the weights are believed to be what their layouts say. */
async function layerOutput(on: Backend, weights: ExpertWeights): Promise<Float32Array> {
  const { w13, w13_scale, w13_bias, w2, w2_scale, w2_bias } = weights;
  const { y } = await on.run(
    'fused_moe_mxfp4',
    { activation: 'swiglu', swiglu_limit: 7 },
    {
      x,
      w1: w13,
      w1_scale: w13_scale,
      w1_bias: w13_bias as Tensor,
      w2,
      w2_scale,
      w2_bias: w2_bias as Tensor,
      topk_ids: routed.ids,
      topk_weights: routed.weights,
    },
  );
  return decodeArray('bf16', asU16(y));
}
