import type { Backend } from '../../../backends/backend.ts';
import type { ElementType } from '../../../src/formats/element-type.ts';
import type { CatalogEntry } from '../../../src/layout/catalog.ts';
import { catalog, columnMajor, rowMajor, scaleTmaAligned, shuffleScale } from '../../../src/layout/catalog.ts';
import type { Layout } from '../../../src/layout/layout.ts';
import { permute } from '../../../src/layout/permute.ts';
import { tensor } from '../../../src/tensor/make.ts';

/** Written into padding of sources, so that a kernel that reads it is caught; both nibbles differ. */
export const POISON = 0xa5;

/** One element type of every width. */
export const WIDTHS: readonly { readonly bits: number; readonly type: ElementType }[] = [
  { bits: 4, type: 'e2m1' },
  { bits: 8, type: 'u8' },
  { bits: 16, type: 'bf16' },
  { bits: 32, type: 'i32' },
  { bits: 64, type: 'f64' },
];

/** A catalog layout bound to its example. Weight layouts depend on the width; those that do not know it use theirs for 8. */
export function exampleLayout(entry: CatalogEntry, bits: number): Layout {
  try {
    return entry.bind(entry.example, { bits });
  } catch {
    return entry.bind(entry.example);
  }
}

/** Layouts whose elements do not fill whole words, rows, tiles or even bytes. */
export const ODD_LAYOUTS: readonly Layout[] = [
  columnMajor([1, 1]),
  columnMajor([3, 5]),
  columnMajor([7, 73]),
  columnMajor([129, 3]),
  shuffleScale([1, 1]),
  shuffleScale([33, 9]),
  scaleTmaAligned([5, 3]),
];

/** Every catalog layout and the odd ones. */
export function layoutsFor(bits: number): readonly Layout[] {
  return [...catalog.map((entry) => exampleLayout(entry, bits)), ...ODD_LAYOUTS];
}

/**
 * Row-major bytes that hold the address of their element, as many bits of it as fit. Where they do not fit there is one
 * array for each part of the address, so that no two elements are alike in all of them.
 */
export function addressCoded(count: number, bits: number): readonly Uint8Array[] {
  const addressBits = Math.max(1, Math.ceil(Math.log2(count)));
  return Array.from({ length: Math.ceil(addressBits / bits) }, (_, part) => {
    const bytes = new Uint8Array(Math.ceil((count * bits) / 8));
    const view = new DataView(bytes.buffer);
    for (let element = 0; element < count; element += 1) {
      const address = element >>> (part * bits);
      if (bits === 4) bytes[element >> 1] = (bytes[element >> 1] ?? 0) | ((address & 15) << (4 * (element % 2)));
      else if (bits === 8) bytes[element] = address;
      else if (bits === 16) view.setUint16(element * 2, address, true);
      else if (bits === 32) view.setUint32(element * 4, address, true);
      // Halves differ, so that swapped ones are caught.
      else view.setBigUint64(element * 8, (BigInt(~address >>> 0) << 32n) | BigInt(address), true);
    }
    return bytes;
  });
}

/** What a backend made of one permutation, beside what the CPU makes of it. */
export interface Outcome {
  readonly what: string;
  readonly got: Uint8Array;
  readonly wanted: Uint8Array;
}

/** From row-major and back, with poison in the padding. */
export async function thereAndBack(
  backend: Backend,
  layout: Layout,
  { bits, type }: { readonly bits: number; readonly type: ElementType },
): Promise<readonly Outcome[]> {
  const plain = rowMajor(layout.shape);
  const outcomes: Outcome[] = [];
  for (const bytes of addressCoded(plain.size, bits)) {
    const stored = permute(bytes, plain, layout, bits, { fill: POISON });
    const there = await backend.run('permute', { to: layout, fill: POISON }, { x: tensor('x', type, plain, bytes) });
    const back = await backend.run('permute', { to: plain }, { x: tensor('x', type, layout, stored) });
    const what = `${type} [${layout.shape.join(', ')}]`;
    outcomes.push(
      { what: `${what} row-major -> ${layout.id}`, got: there.y.bytes, wanted: stored },
      { what: `${what} ${layout.id} -> row-major`, got: back.y.bytes, wanted: bytes },
    );
  }
  return outcomes;
}

/** The permutations that went wrong, with the first wrong byte. */
export function mismatches(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.flatMap(({ what, got, wanted }) => {
    if (got.length !== wanted.length) return [`${what}: ${got.length} bytes instead of ${wanted.length}`];
    const at = wanted.findIndex((byte, index) => byte !== got[index]);
    return at === -1 ? [] : [`${what}: byte ${at} is ${got[at]} instead of ${wanted[at]}`];
  });
}
