import { codeText, elementFacts } from '../../../tensor/index.ts';
import type { Subject } from '../subject.ts';

/** Columns behind the coordinate. Empty fields: the element has no scale, or no place in the register map. */
const COLUMNS = [
  'offset',
  'byte',
  'bit',
  'code',
  'value',
  'scale',
  'dequantised',
  'tile',
  'lane',
  'vgpr',
  'byte_in_register',
  'nibble',
] as const;

/**
 * A table of elements for a spreadsheet or pandas: a header, then one line an element. `bit` is the first bit of the element in
 * its byte; numbers are exact.
 * @param order `memory` sorts by address; `logical` keeps the order of the coordinates
 */
export function csvOf(
  subject: Subject,
  coords: readonly (readonly number[])[],
  order: 'logical' | 'memory' = 'logical',
): string {
  const { tensor, scale, registers } = subject;
  const { layout } = tensor;
  const sorted =
    order === 'logical' ? coords : coords.toSorted((one, other) => layout.offset(one) - layout.offset(other));
  const lines = sorted.map((coord) => {
    const {
      location,
      code,
      value,
      scale: found,
      dequantised,
      place,
    } = elementFacts(tensor, coord, { scale, registers });
    const fields = [
      ...coord,
      location.offset,
      location.byte,
      location.bit,
      codeText(tensor.type, code),
      value,
      found?.value,
      dequantised,
      place?.tile,
      place?.lane,
      place?.vgpr,
      place?.byte,
      place?.nibble,
    ];
    return fields.map((field) => (field === undefined ? '' : Object.is(field, -0) ? '-0' : String(field))).join(',');
  });
  return `${[[...layout.dims.map(({ name }) => name), ...COLUMNS].join(','), ...lines].join('\n')}\n`;
}
