import { torchLines } from '../../../layout/index.ts';
import { torchType } from '../../../tensor/torch-type.ts';
import type { Subject } from '../subject.ts';

/** The layout of a scene as torch writes it, from a row-major tensor. */
export function torchOf({ tensor, bits, resolved }: Subject): string {
  const { layout, type } = tensor;
  const padding = resolved.entry?.padding;
  return torchLines(layout, {
    bits,
    type,
    dtype: torchType(type),
    fill: typeof padding === 'number' ? padding : 0,
    // Registers are shown lane by lane.
    ...(resolved.mfma === undefined ? {} : { storageShape: [64, layout.storageSize / 64] }),
  });
}
