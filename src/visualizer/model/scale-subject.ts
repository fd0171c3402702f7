import { elementBits } from '../../formats/element-type.ts';
import { loadRegisters } from '../../layout/index.ts';
import type { Subject } from './subject.ts';

/** The scale of a subject as a subject of its own, for grids and paints; undefined where there is none. */
export function scaleSubject({ scale }: Subject): Subject | undefined {
  if (scale === undefined) return undefined;
  const { tensor } = scale;
  return {
    tensor,
    bits: elementBits(tensor.type),
    resolved: { layout: tensor.layout, title: tensor.layout.id, source: '', entry: undefined, mfma: undefined },
    scale: undefined,
    registers: loadRegisters(4),
    warnings: [],
  };
}
