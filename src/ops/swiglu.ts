import { ParameterError } from '../errors.ts';
import { rowMajor } from '../layout/plain.ts';
import { requireLayout, requireOperand, requireShape, requireType } from '../tensor/expect.ts';
import { asBytes, tensor } from '../tensor/make.ts';
import { asF32 } from '../tensor/views.ts';
import type { OpDefinition } from './op.ts';
import { activate, activationError, type GatedActivation } from './shared/activation.ts';

const OP = 'swiglu';

export interface SwigluParams {
  /** Factor inside the sigmoid. Default 1.702. */
  readonly alpha?: number;
  /** glu is clamped from above to it, linear to [-limit, limit]. Default 7, which 0 stands for too. */
  readonly limit?: number;
}

/**
 * The swiglu of GPT-OSS: `y = g * sigmoid(alpha * g) * (u + 1)` with `g = min(glu, limit)` and
 * `u = clamp(linear, -limit, limit)`. glu, linear and y are f32 of one shape. glu has no lower clamp; NaN stays NaN.
 */
export const swiglu: OpDefinition<SwigluParams, 'glu' | 'linear', 'y'> = {
  name: OP,
  summary: 'clamped swiglu with the +1 of GPT-OSS',
  source: 'AITER aiter/fused_moe.py swiglu',
  inputs: ['glu', 'linear'],
  outputs: ['y'],
  plan(params, operands) {
    swigluActivation(params);
    const glu = requireOperand(OP, operands, 'glu');
    const linear = requireOperand(OP, operands, 'linear');
    const { shape } = glu.layout;
    requireType(OP, glu, 'f32');
    requireType(OP, linear, 'f32');
    requireShape(OP, linear, shape, 'the shape of glu');
    requireLayout(OP, glu, rowMajor(shape));
    requireLayout(OP, linear, rowMajor(shape));
    return { y: { name: 'y', type: 'f32', layout: rowMajor(shape) } };
  },
  reference(params, operands) {
    const { y } = swiglu.plan(params, operands);
    const kind = swigluActivation(params);
    const glu = asF32(operands.glu);
    const linear = asF32(operands.linear);
    const values = glu.map((gate, index) => activate(kind, gate, linear[index] as number));
    return { y: tensor(y.name, y.type, y.layout, asBytes(values)) };
  },
  bound(params, operands) {
    swiglu.plan(params, operands);
    const kind = swigluActivation(params);
    const glu = asF32(operands.glu);
    const linear = asF32(operands.linear);
    const exact = new Float64Array(glu.length);
    const error = new Float64Array(glu.length);
    for (let i = 0; i < glu.length; i += 1) {
      const gate = glu[i] as number;
      const up = linear[i] as number;
      exact[i] = activate(kind, gate, up);
      if (Number.isFinite(exact[i])) error[i] = activationError(kind, gate, up, 0, 0);
    }
    return { y: { exact, error } };
  },
};

/** Checks the parameters and gives the activation they stand for. */
export function swigluActivation(params: SwigluParams): GatedActivation {
  const { alpha = 1.702, limit = 7 } = params;
  if (!Number.isFinite(alpha)) throw new ParameterError(OP, 'alpha', `is ${alpha}, expected a finite number.`);
  if (!(limit >= 0)) throw new ParameterError(OP, 'limit', `is ${limit}, expected a number that is not negative.`);
  return { alpha, offset: 1, limit: limit === 0 ? 7 : limit };
}
