import type { Layout } from './layout.ts';
import { bindPattern, parsePattern, ShapeRejectedError } from './notation.ts';

/**
 * GPT-OSS checkpoints store row g0, u0, g1, u1, …; kernels want all gate rows, then all up rows. Logical coordinates are in the
 * separated order, so storing a tensor of this layout as row-major is the de-interleave (SGLang, ATOM), and a separated tensor
 * cannot be de-interleaved twice: its layout is another one.
 *
 * @param shape `[E, 2 I, …]`; weights, scales and bias alike
 * @param axis the dimension that holds gate and up rows. Default 1
 * @throws ShapeRejectedError when that dimension is odd
 */
export function gateUpInterleaved(shape: readonly number[], axis = 1): Layout<'gate_up_interleaved'> {
  const id = 'gate_up_interleaved';
  const rows = shape[axis];
  if (rows === undefined) throw new ShapeRejectedError(id, shape, `it has no dimension ${axis} for gate and up rows.`);
  if (rows % 2 !== 0)
    throw new ShapeRejectedError(
      id,
      shape,
      `${rows} rows cannot hold gate and up rows in pairs; the number must be even.`,
    );
  const names = shape.map((_, index) => (index === axis ? 'n' : `d${index}`));
  const dims = names.map((name) => (name === 'n' ? 'n=(gu:2 i)' : `(${name})`));
  const order = names.flatMap((name) => (name === 'n' ? ['i', 'gu'] : [name]));
  return bindPattern(parsePattern(`${dims.join(' ')} -> ${order.join(' ')}`), shape, { id });
}
