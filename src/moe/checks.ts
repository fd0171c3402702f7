import { OperandError } from '../errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asI32 } from '../tensor/views.ts';

const NAN_BYTE = 255;

/**
 * Refuses e8m0 scales with the byte 255, NaN: one makes a whole output channel NaN, also where the weight is zero. A checkpoint
 * never has it. Padding is not looked at.
 *
 * @param scale e8m0 in any layout
 * @throws OperandError naming the first one by its logical coordinate
 */
export function requireFiniteScales(where: string, scale: Tensor): void {
  const { bytes, layout } = scale;
  for (let at = bytes.indexOf(NAN_BYTE); at !== -1; at = bytes.indexOf(NAN_BYTE, at + 1)) {
    const coord = layout.coord(at);
    if (coord === undefined) continue;
    throw new OperandError(
      where,
      scale.name,
      `has byte 255 at [${coord.join(', ')}] (byte ${at}), which is NaN in e8m0; expected 0 to 254. ` +
        'The file is damaged, or these are not e8m0 scales.',
    );
  }
}

/**
 * Refuses ids of experts that do not exist and, which the kernels' sort does not expect, one expert twice for a token. Ranks of
 * expert parallelism hold a part of the experts and have other ids on purpose: do not call it there.
 *
 * @param ids i32 `[T, topk]`, row-major
 * @throws OperandError naming the first one by token and slot
 */
export function requireRouting(where: string, ids: Tensor, experts: number): void {
  const [, topk = 0] = ids.layout.shape;
  const values = asI32(ids);
  for (const [route, id] of values.entries()) {
    const [token, slot] = [Math.floor(route / topk), route % topk];
    if (id < 0 || id >= experts) {
      throw new OperandError(
        where,
        ids.name,
        `is ${id} at [${token}, ${slot}], expected an expert 0 to ${experts - 1}. Its route would be dropped in silence; ` +
          'check that the router and the weights are of the same model.',
      );
    }
    const earlier = values.subarray(token * topk, route).indexOf(id);
    if (earlier === -1) continue;
    throw new OperandError(
      where,
      ids.name,
      `names expert ${id} twice for token ${token}, in slots ${earlier} and ${slot}; expected distinct experts. ` +
        'Kernels keep one of them only.',
    );
  }
}
