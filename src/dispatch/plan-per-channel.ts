import { ParameterError } from '../errors.ts';
import { rowMajor } from '../layout/plain.ts';
import type { LinearSpec, ResolvedLinear } from './linear-spec.ts';
import type { Plan } from './plan.ts';
import { addNormOperands, normInputs } from './plan-activation.ts';
import { outputType } from './plan-aiter.ts';
import { PlanBuilder } from './plan-builder.ts';
import { addWeightOperands, addWeightPreprocess } from './plan-weight.ts';
import type { Decision } from './rule.ts';
import { requireHipVersion } from './versions.ts';

const CHOICE: Decision = {
  decision: 'linear.fp8-per-channel',
  version: 'current',
  choice: 'aiter-ptpc',
  because: [
    {
      rule: 'ptpc',
      reason: 'one scale a token and one a row of the weight: gemm_a8w8_bpreshuffle, whatever the shape',
      origin: 'SGLang fp8_utils.py apply_fp8_ptpc_linear',
      conditions: ['scheme is per-channel', 'useAiter is true'],
    },
  ],
  notFired: [],
};

/** The plan of a layer with per-token and per-channel scales (PTPC) on AMD. */
export function planPerChannel(linear: ResolvedLinear, spec: LinearSpec): Plan<LinearSpec> {
  const { m, n, k, arch, dtype, layer } = linear;
  if (!linear.useAiter) {
    throw new ParameterError(
      `plan of ${layer}`,
      'scheme',
      `is per-channel, which is planned for AITER on AMD only; arch is ${arch.id} and useAiter ${linear.useAiter}.`,
    );
  }
  if (linear.producer === 'flatten' || linear.producer === 'silu-mul') {
    throw new ParameterError(
      `plan of ${layer}`,
      'producer',
      `is ${linear.producer}, whose kernel writes one scale for each 1x128; per-token scales come from linear, rms-norm or given.`,
    );
  }
  const warnings: string[] = [];
  const out = outputType(linear, warnings);
  const format = arch.fp8 ?? 'e4m3fn';
  const builder = new PlanBuilder();
  const checkpoint = addWeightOperands(builder, linear, [n, 1]);
  const weight = addWeightPreprocess(
    builder,
    linear,
    checkpoint,
    format === 'e4m3fnuz' ? 'normalize-fnuz-and-shuffle' : 'shuffle',
  );
  const extra = linear.producer === 'rms-norm' && linear.residual;
  if (linear.producer === 'given') {
    builder.operand('call', { name: 'x_q', type: format, layout: rowMajor([m, k]) });
    builder.operand('call', { name: 'x_scale', type: 'f32', layout: rowMajor([m, 1]), scaling: 'f32' });
  } else if (linear.producer === 'rms-norm') {
    addNormOperands(builder, linear);
    builder.op(
      'add_rmsnorm_quant',
      { eps: linear.eps, format },
      normInputs(linear),
      { y: 'x_q', scale: 'x_scale', ...(extra ? { res_out: 'residual_out' } : {}) },
      {
        kind: 'quantise',
        when: 'call',
        reason: 'RMSNorm and per-token quantisation in one kernel',
        upstream: 'AITER add_rmsnorm_quant',
      },
    );
  } else {
    builder.operand('call', { name: 'x', type: dtype, layout: rowMajor([m, k]) });
    builder.op(
      'per_token_quant',
      { format, math: 'hip' },
      { x: 'x' },
      { y: 'x_q', scale: 'x_scale' },
      {
        kind: 'quantise',
        when: 'call',
        reason: 'one scale a token',
        upstream: 'AITER per_token_quant_hip',
      },
    );
  }
  builder.op(
    'gemm_a8w8_bpreshuffle',
    { out, math: 'ck' },
    { x: 'x_q', w: weight.w, x_scale: 'x_scale', w_scale: weight.scale },
    { y: 'y' },
    {
      kind: 'gemm',
      when: 'call',
      reason: 'CK, preshuffled: weight scale first, then the scale of the token',
      upstream: 'AITER gemm_a8w8_bpreshuffle',
    },
  );
  warnings.push('no kernel checks that the weight was shuffled: is_shuffled is not consulted on this path');
  return builder.finish({
    spec,
    rules: requireHipVersion(linear.rules),
    kernel: 'ck-ptpc-bpreshuffle',
    decisions: [CHOICE],
    result: 'y',
    warnings,
  });
}
