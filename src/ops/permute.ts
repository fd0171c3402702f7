import { OperandError, ParameterError } from '../errors.ts';
import { elementBits } from '../formats/element-type.ts';
import type { Layout } from '../layout/layout.ts';
import { permute as permuteBytes } from '../layout/permute.ts';
import { requireOperand } from '../tensor/expect.ts';
import { tensor } from '../tensor/make.ts';
import type { OpDefinition, Operands } from './op.ts';

export interface PermuteParams {
  /** The layout to store the tensor in; its logical shape is the tensor's. */
  readonly to: Layout;
  /** Byte written into padding that the target layout adds, 0..255. Default 0. */
  readonly fill?: number;
}

/** Moves a tensor from its layout to another one: values and logical shape stay, bytes move. */
export const permute: OpDefinition<PermuteParams, 'x', 'y'> = {
  name: 'permute',
  summary: 'store a tensor in another layout',
  source: 'AITER aiter/ops/shuffle.py (all shuffle_* functions are instances)',
  inputs: ['x'],
  outputs: ['y'],
  plan(params, operands) {
    const x = requireOperand('permute', operands, 'x');
    const { to, fill = 0 } = params;
    if (to.shape.length !== x.layout.shape.length || to.shape.some((size, axis) => size !== x.layout.shape[axis])) {
      throw new OperandError(
        'permute',
        x.name,
        `has logical shape [${x.layout.shape.join(', ')}], but the target layout ${to.id} is bound to ` +
          `[${to.shape.join(', ')}]. Bind the layout to the tensor's logical shape.`,
      );
    }
    if (!Number.isInteger(fill) || fill < 0 || fill > 255) {
      throw new ParameterError('permute', 'fill', `is ${fill}, expected a byte 0..255.`);
    }
    const { name, type, scaling } = x;
    return { y: { name, type, layout: to, ...(scaling === undefined ? {} : { scaling }) } };
  },
  reference(params, operands: Operands<'x'>) {
    const spec = permute.plan(params, operands).y;
    const { x } = operands;
    const bytes = permuteBytes(x.bytes, x.layout, params.to, elementBits(x.type), { fill: params.fill ?? 0 });
    return { y: tensor(spec.name, spec.type, spec.layout, bytes, spec.scaling) };
  },
};
