import { check } from '../check.ts';
import type { Binding } from './binding.ts';

const swiglu: Binding = async (reader) => {
  const glu = await reader.tensor('glu', 'f32');
  const linear = await reader.tensor('linear', 'f32', { shape: glu.layout.shape });
  const y = await reader.tensor('y', 'f32', { shape: glu.layout.shape });
  const params = { alpha: reader.number('alpha', 1.702), limit: reader.number('limit', 7) };
  return [check('y', 'swiglu', params, { glu, linear }, [{ output: 'y', expected: y, compare: 'bound' }])];
};

/** Ids beyond num_valid[0] are undefined in kernels; golden files hold the padding id and -1 there, as the torch reference fills them. */
const moeSorting: Binding = async (reader) => {
  const shape = [reader.count('tokens'), reader.count('topk')];
  const operands = {
    topk_ids: await reader.tensor('topk_ids', 'i32', { shape }),
    topk_weights: await reader.tensor('topk_weights', 'f32', { shape }),
  };
  const params = { experts: reader.count('experts'), block_m: reader.count('block_m') };
  return [
    check('sorted', 'moe_sorting', params, operands, [
      { output: 'sorted_ids', expected: await reader.tensor('sorted_ids', 'i32'), compare: 'exact' },
      { output: 'sorted_weights', expected: await reader.tensor('sorted_weights', 'f32'), compare: 'exact' },
      { output: 'sorted_expert_ids', expected: await reader.tensor('sorted_expert_ids', 'i32'), compare: 'exact' },
      { output: 'num_valid', expected: await reader.tensor('num_valid', 'i32'), compare: 'exact' },
    ]),
  ];
};

const fusedMoe: Binding = async (reader) => {
  const [T, E, topk, I, H] = ['tokens', 'experts', 'topk', 'inter', 'hidden'].map((name) => reader.count(name)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const optional = async (name: string, shape: readonly number[]) =>
    reader.has(name) ? { [name]: await reader.tensor(name, 'f32', { shape }) } : {};
  const operands = {
    x: await reader.tensor('x', 'bf16', { shape: [T, H] }),
    w1: await reader.tensor('w1', 'e2m1', { shape: [E, 2 * I, H] }),
    w1_scale: await reader.tensor('w1_scale', 'e8m0', { shape: [E, 2 * I, H / 32], scaling: 'e8m0' }),
    w2: await reader.tensor('w2', 'e2m1', { shape: [E, H, I] }),
    w2_scale: await reader.tensor('w2_scale', 'e8m0', { shape: [E, H, I / 32], scaling: 'e8m0' }),
    topk_ids: await reader.tensor('topk_ids', 'i32', { shape: [T, topk] }),
    topk_weights: await reader.tensor('topk_weights', 'f32', { shape: [T, topk] }),
    ...(await optional('w1_bias', [E, 2 * I])),
    ...(await optional('w2_bias', [E, H])),
  };
  const limit = reader.case.params['swiglu_limit'] === undefined ? {} : { swiglu_limit: reader.number('swiglu_limit') };
  const params = {
    activation: reader.string('activation', ['silu', 'swiglu']),
    scheme: reader.string('scheme', ['a16w4'], 'a16w4'),
    ...limit,
  };
  const y = await reader.tensor('y', 'bf16', { shape: [T, H] });
  const h = reader.has('h') ? await reader.tensor('h', 'bf16', { shape: [T, topk, I] }) : undefined;
  return [
    check('moe', 'fused_moe_mxfp4', params, operands, [
      ...(h === undefined ? [] : [{ output: 'h', expected: h, compare: 'bound' } as const]),
      { output: 'y', expected: y, compare: 'bound' },
    ]),
  ];
};

export const moeBindings: Readonly<Record<string, Binding>> = {
  swiglu,
  moe_sorting: moeSorting,
  fused_moe_mxfp4: fusedMoe,
};
