import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Backend } from '../../backends/backend.ts';
import { openBackend } from '../../backends/registry.ts';
import { openGoldenFile, runGolden } from '../../src/golden/index.ts';
import { type TensorToWrite, writeSafetensors } from '../../src/io/safetensors-write.ts';
import { memorySource } from '../../src/io/source.ts';
import { fusedMoeMxfp4 } from '../../src/ops/fused-moe-mxfp4.ts';
import { moeStage1Mxfp4 } from '../../src/ops/moe-stage1-mxfp4.ts';
import { moeStage2Mxfp4 } from '../../src/ops/moe-stage2-mxfp4.ts';
import { mxfp4Quant } from '../../src/ops/mxfp4-quant.ts';
import { mxfp8Quant } from '../../src/ops/mxfp8-quant.ts';
import type { W13Family } from '../../src/ops/shared/moe-operands.ts';
import { topkSoftmax } from '../../src/ops/topk-softmax.ts';
import { tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { FAMILIES, inFamily, moeProblem } from '../ops/moe-support.ts';

const sizes = { tokens: 2, experts: 3, topk: 2, hidden: 128, inter: 64 };
const problem = moeProblem(sizes, 1);

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend('cpu');
});
afterAll(() => backend.dispose());

const DTYPES = { bf16: 'BF16', e2m1: 'U8', e4m3fn: 'U8', e8m0: 'U8', f32: 'F32', i32: 'I32' } as const;

/** The stored tensor: two fp4 codes a byte, padded where the layout pads. */
function part(name: string, { type, layout, bytes }: Tensor): TensorToWrite {
  const { storageShape } = layout;
  const shape =
    type === 'e2m1'
      ? storageShape.map((size, axis) => (axis === storageShape.length - 1 ? size / 2 : size))
      : storageShape;
  return { name: `one/${name}`, dtype: DTYPES[type as keyof typeof DTYPES], shape, bytes };
}

async function verify(op: string, params: object, tensors: Readonly<Record<string, Tensor>>): Promise<string> {
  const meta = JSON.stringify({ op, source: 'test', ...sizes, ...params });
  const file = writeSafetensors(
    Object.entries(tensors).map(([name, tensor]) => part(name, tensor)),
    { 'case:one': meta },
  );
  const report = await runGolden(backend, [await openGoldenFile(memorySource(file, 'moe.safetensors'))]);
  return report.results.map(({ status, reason }) => `${status}${reason === '' ? '' : `: ${reason}`}`).join('; ');
}

/** Names that golden cases give to the layouts of a family: weight and scale. */
const NAMES: Readonly<Record<W13Family, readonly [string, string]>> = {
  separated: ['row_major', 'row_major'],
  'interleaved-checkpoint': ['gate_up_interleaved', 'gate_up_interleaved'],
  'shuffled-separated': ['shuffle_weight', 'shuffle_scale'],
  'shuffled-guinterleave': ['shuffle_weight_guinterleave', 'shuffle_scale_guinterleave'],
};

it.each(FAMILIES)('fused_moe_mxfp4 from %s', async (family) => {
  const params = { activation: 'swiglu', swiglu_limit: 5, scheme: 'a8w4', quantMode: 'Ceil' } as const;
  const { h, y } = fusedMoeMxfp4.reference(params, problem);
  const [w1, w1_scale] = inFamily(problem.w1, problem.w1_scale, family);
  const [weight_layout, scale_layout] = NAMES[family];
  const tensors = { ...problem, w1, w1_scale, h, y };
  expect(await verify('fused_moe_mxfp4', { ...params, weight_layout, scale_layout }, tensors)).toBe('pass');
  const other = { ...params, activation: 'gelu', swiglu_limit: undefined, weight_layout, scale_layout };
  expect(await verify('fused_moe_mxfp4', other, tensors)).toMatch(/^fail/);
});

it('fused_moe_mxfp4 with a shuffled second weight', async () => {
  const params = { activation: 'gelu' } as const;
  const { y } = fusedMoeMxfp4.reference(params, problem);
  const [w2, w2_scale] = inFamily(problem.w2, problem.w2_scale, 'shuffled-separated');
  const layouts = { w2_layout: 'shuffle_weight', w2_scale_layout: 'shuffle_scale' };
  expect(await verify('fused_moe_mxfp4', { ...params, ...layouts }, { ...problem, w2, w2_scale, y })).toBe('pass');
  // The layouts of a case must go together.
  const apart = { ...params, w2_layout: 'shuffle_weight' };
  expect(await verify('fused_moe_mxfp4', apart, { ...problem, w2, y })).toContain(
    'tensor "w2_scale" is stored as row-major [3, 128, 2], but its weight "w2" is stored as shuffle_weight(16,16)',
  );
});

it.each(['a16w4', 'a8w4', 'a4w4'] as const)('both stages, %s', async (scheme) => {
  const quantised = (name: 'x' | 'h', x: Tensor): Readonly<Record<string, Tensor>> => {
    if (scheme === 'a16w4') return { [name]: x };
    const { y, scale } = scheme === 'a4w4' ? mxfp4Quant.reference({}, { x }) : mxfp8Quant.reference({}, { x });
    return { [name]: y, [`${name}_scale`]: scale };
  };
  const { topk_ids, topk_weights } = problem;
  const [w13, w13_scale] = inFamily(problem.w1, problem.w1_scale, 'shuffled-guinterleave');
  const first = { ...quantised('x', problem.x), w13, w13_scale, w13_bias: problem.w1_bias, topk_ids };
  const params = { activation: 'silu', scheme } as const;
  const { h } = moeStage1Mxfp4.reference(params, first as unknown as Parameters<typeof moeStage1Mxfp4.reference>[1]);
  const [weight_layout, scale_layout] = NAMES['shuffled-guinterleave'];
  expect(await verify('moe_stage1_mxfp4', { ...params, weight_layout, scale_layout }, { ...first, h })).toBe('pass');
  const { w2, w2_scale, w2_bias } = problem;
  const second = { ...quantised('h', h), w2, w2_scale, w2_bias, topk_ids, topk_weights };
  const { y } = moeStage2Mxfp4.reference(
    { scheme },
    second as unknown as Parameters<typeof moeStage2Mxfp4.reference>[1],
  );
  expect(await verify('moe_stage2_mxfp4', { scheme }, { ...second, y })).toBe('pass');
});

it('topk_softmax', async () => {
  const logits = tensorFrom('logits', 'f32', [2, 3], Float32Array.of(1, 3, 2, -1, -1, 0));
  const params = { topk: 2, order: 'topk-softmax' } as const;
  const { ids, weights } = topkSoftmax.reference(params, { logits });
  expect(await verify('topk_softmax', params, { logits, ids, weights })).toBe('pass');
  expect(await verify('topk_softmax', { renormalize: false }, { logits, ids, weights })).toMatch(/^fail/);
});

it('says what is wrong with a case', async () => {
  const { y } = fusedMoeMxfp4.reference({ activation: 'silu' }, problem);
  const run = (params: object): Promise<string> =>
    verify('fused_moe_mxfp4', { activation: 'silu', ...params }, { ...problem, y });
  expect(await run({ weight_layout: 'L3' })).toContain(
    'parameter "weight_layout" is "L3", expected one of row_major, gate_up_interleaved, shuffle_weight, shuffle_weight_guinterleave.',
  );
  expect(await run({ w2_layout: 'gate_up_interleaved' })).toContain('parameter "w2_layout" is "gate_up_interleaved"');
  expect(await run({ scale_layout: 'shuffle_scale' })).toContain('in layout shuffle_scale takes 4096.');
  expect(await run({ scheme: 'w4a16' })).toContain('parameter "scheme" is "w4a16"');
});
