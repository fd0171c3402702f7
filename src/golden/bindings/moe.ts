import { MX_SCALE_MODES } from '../../formats/mx-scale.ts';
import { FLOAT_SOURCES } from '../../ops/shared/rows.ts';
import { ROUTING_ORDERS } from '../../ops/topk-softmax.ts';
import { check } from '../check.ts';
import type { Binding } from './binding.ts';
import { activationOf, activations, downWeights, gateUpWeights, moeSizes, routed, schemeOf } from './moe-operands.ts';

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

/** Ids are exact; weights lie within the bound. */
const topkSoftmax: Binding = async (reader) => {
  const [T, E, topk] = [reader.count('tokens'), reader.count('experts'), reader.count('topk')];
  const logits = await reader.tensor('logits', reader.string('src', FLOAT_SOURCES, 'f32'), { shape: [T, E] });
  const params = {
    topk,
    renormalize: reader.flag('renormalize', true),
    order: reader.string('order', ROUTING_ORDERS, 'softmax-topk'),
  };
  return [
    check('routing', 'topk_softmax', params, { logits }, [
      { output: 'ids', expected: await reader.tensor('ids', 'i32', { shape: [T, topk] }), compare: 'exact' },
      { output: 'weights', expected: await reader.tensor('weights', 'f32', { shape: [T, topk] }), compare: 'bound' },
    ]),
  ];
};

/** Dimensions of the intermediate and of the output. */
const H_DIMS = ['token', 'slot', 'i'] as const;
const Y_DIMS = ['token', 'h'] as const;

const stage1: Binding = async (reader) => {
  const { T, E, topk, I, H } = moeSizes(reader);
  const params = { ...activationOf(reader), scheme: schemeOf(reader) };
  const operands = {
    ...(await activations(reader, 'x', params.scheme, [T, H])),
    ...(await gateUpWeights(reader, 'w13', [E, 2 * I, H])),
    topk_ids: await reader.tensor('topk_ids', 'i32', { shape: [T, topk] }),
  };
  const h = await reader.tensor('h', 'bf16', { shape: [T, topk, I] });
  return [
    check('h', 'moe_stage1_mxfp4', params, operands, [{ output: 'h', expected: h, compare: 'bound', dims: H_DIMS }]),
  ];
};

const stage2: Binding = async (reader) => {
  const { T, E, topk, I, H } = moeSizes(reader);
  const params = { scheme: schemeOf(reader) };
  const operands = {
    ...(await activations(reader, 'h', params.scheme, [T, topk, I])),
    ...(await downWeights(reader, 'w2', [E, H, I], ['weight_layout', 'scale_layout'])),
    ...(await routed(reader, [T, topk])),
  };
  const y = await reader.tensor('y', 'bf16', { shape: [T, H] });
  return [
    check('y', 'moe_stage2_mxfp4', params, operands, [{ output: 'y', expected: y, compare: 'bound', dims: Y_DIMS }]),
  ];
};

/** `weight_layout` and `scale_layout` are those of w1; w2 has `w2_layout` and `w2_scale_layout`. */
const fusedMoe: Binding = async (reader) => {
  const { T, E, topk, I, H } = moeSizes(reader);
  const operands = {
    x: await reader.tensor('x', 'bf16', { shape: [T, H] }),
    ...(await gateUpWeights(reader, 'w1', [E, 2 * I, H])),
    ...(await downWeights(reader, 'w2', [E, H, I], ['w2_layout', 'w2_scale_layout'])),
    ...(await routed(reader, [T, topk])),
  };
  const params = {
    ...activationOf(reader),
    scheme: schemeOf(reader),
    quantMode: reader.string('quantMode', MX_SCALE_MODES, 'RoundUp'),
  };
  const y = await reader.tensor('y', 'bf16', { shape: [T, H] });
  const h = reader.has('h') ? await reader.tensor('h', 'bf16', { shape: [T, topk, I] }) : undefined;
  return [
    check('moe', 'fused_moe_mxfp4', params, operands, [
      ...(h === undefined ? [] : [{ output: 'h', expected: h, compare: 'bound', dims: H_DIMS } as const]),
      { output: 'y', expected: y, compare: 'bound', dims: Y_DIMS },
    ]),
  ];
};

export const moeBindings: Readonly<Record<string, Binding>> = {
  swiglu,
  moe_sorting: moeSorting,
  moe_stage1_mxfp4: stage1,
  moe_stage2_mxfp4: stage2,
  topk_softmax: topkSoftmax,
  fused_moe_mxfp4: fusedMoe,
};
