import type { ElementType } from '../../formats/element-type.ts';
import type { Layout } from '../../layout/index.ts';
import { addressCoder } from '../../tensor/address-coded.ts';
import { coordReader, elementNumbers, isPadding } from './coord-reader.ts';
import type { OffsetTable } from './offset-table.ts';

/**
 * Codes by logical address, wherever the layout puts them: `addressCode` of the element at a storage offset, 0 in padding. Its tables
 * are made when the first code is asked for.
 */
export function addressCodes(type: ElementType, layout: Layout): (offset: number) => number {
  const codeOf = addressCoder(type);
  const pads = layout.storageSize > layout.size;
  let numbers: OffsetTable | undefined;
  return (offset) => {
    numbers ??= elementNumbers(layout);
    return pads && isPadding(coordReader(layout), offset) ? 0 : codeOf(numbers.at(offset));
  };
}
