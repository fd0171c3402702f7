import {
  type Layout,
  MFMA_MAPS,
  type MfmaMap,
  mfmaRegisters,
  type RegisterMap,
  registerOf,
  WAVE_LANES,
} from '../../layout/index.ts';
import { scaleCoord } from '../../tensor/describe-element.ts';
import { coordReader, digitSums } from './coord-reader.ts';
import { BANKS } from './grids/bank.ts';
import { layoutTile } from './grids/tile.ts';
import type { OffsetTable } from './offset-table.ts';
import type { Subject } from './subject.ts';

/** Which of `count` classes the element at a storage offset is in. Padding gets any class. */
export interface Classes {
  readonly count: number;
  /** @param out receives one class for each of the first `count` keys; `count` of the classes where there is none */
  read(keys: Float64Array, count: number, out: Uint32Array): void;
}

const BANK_BITS = 32;
const LINE_BITS = 128;

/** Classes of numbers such as experts and tiles, of which there may be any number: neighbours differ, in memory and in rows of them. */
export const MIXED = 8;

/**
 * Class of tile number `tile`: counted modulo 8, one further each 8, 64 and 512, so that tiles below each other differ as well.
 * @post equal tiles have equal classes
 */
export function mixedClass(tile: number): number {
  return (tile + 3 * Math.floor(tile / 8) + 5 * Math.floor(tile / 64) + 7 * Math.floor(tile / 512)) % MIXED;
}

/** Class that repeats every so many elements of storage. */
function periodic(period: number, count: number, classOf: (offset: number) => number): Classes {
  const table = Uint8Array.from({ length: period }, (_, offset) => classOf(offset));
  return {
    count,
    read(keys, total, out) {
      for (let at = 0; at < total; at += 1) {
        const key = keys[at] as number;
        out[at] = table[(key - Math.floor(key / period) * period) | 0] as number;
      }
    },
  };
}

/** Class of each bank: the one that a byte falls into when the bytes are copied to LDS as they lie. */
export function bankClasses(bits: number): Classes {
  return periodic((BANKS * BANK_BITS) / bits, BANKS, (offset) => Math.floor((offset * bits) / BANK_BITS) % BANKS);
}

/**
 * Class of a 16-byte line: its place in the storage in `steps` steps, times 2, plus 1 for odd lines.
 * @param size elements in storage
 */
export function lineClasses(size: number, bits: number, steps: number): Classes {
  const perLine = LINE_BITS / bits;
  const lines = Math.ceil(size / perLine);
  return {
    count: 2 * steps,
    read(keys, total, out) {
      for (let at = 0; at < total; at += 1) {
        const line = Math.floor((keys[at] as number) / perLine);
        out[at] = 2 * Math.floor((line * steps) / lines) + (line - 2 * Math.floor(line / 2));
      }
    },
  };
}

/** Classes by a register map: the lane that holds an element, or the register. */
export function registerClasses({ tensor: { layout }, bits, registers }: Subject, field: 'lane' | 'vgpr'): Classes {
  const count = field === 'lane' ? WAVE_LANES : registers.vgprs;
  // A load map repeats with every load of the wave.
  const perWave = loadOf(registers, bits);
  if (perWave !== undefined)
    return periodic(perWave, count, (offset) => registers.placeOf(layout, offset, bits)?.[field] ?? 0);
  const map = operandOf(registers);
  if (map !== undefined && layout.dims.length >= 2) return operandClasses(layout, map, field, count);
  return {
    count,
    read(keys, total, out) {
      for (let at = 0; at < total; at += 1)
        out[at] = registers.placeOf(layout, keys[at] as number, bits)?.[field] ?? count;
    },
  };
}

/** What a tile is, see `tileOf`. */
export type TileKind =
  | { readonly by: 'layout' | 'operand'; readonly rows: number; readonly columns: number }
  | { readonly by: 'load'; readonly elements: number };

/** The tiles of a subject: the layout's, where it has any; else those of the matrix operand or of the wave's loads. */
export function tileOf({ tensor: { layout }, bits, registers }: Subject): TileKind {
  const { rows, columns } = layoutTile(layout);
  if (rows * columns > 1) return { by: 'layout', rows, columns };
  const elements = loadOf(registers, bits);
  if (elements !== undefined) return { by: 'load', elements };
  const [operandRows = 1, operandColumns = 1] = operandOf(registers)?.layout.shape ?? [];
  return { by: 'operand', rows: operandRows, columns: operandColumns };
}

/** Class of a tile; see `blockClass`, and `mixedClass` for loads. */
export function tileClasses(subject: Subject): Classes {
  const tile = tileOf(subject);
  if (tile.by !== 'load') {
    const { layout } = subject.tensor;
    return coordClasses(layout, (coord) => blockClass(blockCoord(coord, tile)));
  }
  return {
    count: MIXED,
    read(keys, total, out) {
      for (let at = 0; at < total; at += 1) out[at] = mixedClass(Math.floor((keys[at] as number) / tile.elements));
    },
  };
}

/** Coordinate of the block of `rows` by `columns` of the last two dimensions that an element is in. */
export function blockCoord(
  coord: readonly number[],
  { rows, columns }: { readonly rows: number; readonly columns: number },
): readonly number[] {
  return coord.map((index, axis) => {
    const fromEnd = coord.length - axis;
    return Math.floor(index / (fromEnd === 1 ? columns : fromEnd === 2 ? rows : 1));
  });
}

/** Elements that a wave loads at once; undefined for the registers of a matrix operand. */
function loadOf({ id, vgprs }: RegisterMap, bits: number): number | undefined {
  return id.startsWith('load') ? (vgprs * 32 * WAVE_LANES) / bits : undefined;
}

function operandOf({ id }: RegisterMap): MfmaMap | undefined {
  return MFMA_MAPS.find((map) => map.operand !== 'scale' && mfmaRegisters(map).id === id);
}

/** Lane or register of an element in its tile of an operand: by its row and column there. */
function operandClasses(layout: Layout, map: MfmaMap, field: 'lane' | 'vgpr', count: number): Classes {
  const [rows = 1, columns = 1] = map.layout.shape;
  const table = Uint8Array.from(
    { length: rows * columns },
    (_, at) => registerOf(map, [Math.floor(at / columns), at % columns])[field],
  );
  const last = layout.dims.length - 1;
  const parts = layout.dims.map(({ padded }, axis) =>
    Int32Array.from({ length: padded }, (_, index) =>
      axis === last ? index % columns : axis === last - 1 ? (index % rows) * columns : 0,
    ),
  );
  return summedClasses(layout, parts, table.length, count, table);
}

/** Class of an element's scale block; see `blockClass`. */
export function scaleClasses({ scale, tensor: { layout } }: Subject): Classes {
  return scale === undefined
    ? noClasses
    : coordClasses(layout, (coord) => blockClass(scaleCoord(scale, layout.shape, coord)));
}

/**
 * Class of a block by its coordinate: neighbours along every dimension differ.
 * @post adds up over the coordinate's entries, modulo 8
 */
export function blockClass(coord: readonly number[]): number {
  return coord.toReversed().reduce((sum, index, axis) => sum + index * (2 * axis + 1), 0) % MIXED;
}

/** Class of the expert: of all dimensions before the last two, or of a scale's stacked experts. None where there is no such thing. */
export function expertClasses(layout: Layout): Classes {
  const sizes = layout.shape.slice(0, -2);
  if (sizes.length > 0) {
    return coordClasses(layout, (coord) =>
      sizes.reduce((index, size, axis) => index * size + (coord[axis] as number), 0),
    );
  }
  const stacked = layout.dims[0]?.factors.find(({ name }) => name === 'e');
  if (stacked === undefined) return noClasses;
  const { stride, size } = stacked;
  return {
    count: MIXED,
    read(keys, total, out) {
      for (let at = 0; at < total; at += 1) {
        const expert = Math.floor((keys[at] as number) / stride);
        out[at] = (expert - Math.floor(expert / size) * size) & (MIXED - 1);
      }
    },
  };
}

const noClasses: Classes = {
  count: 0,
  read(_keys, total, out) {
    out.fill(0, 0, total);
  },
};

/**
 * Class of a number that adds up over the coordinate, modulo 8.
 * @param sum `sum(c)` is the sum of `sum` of c's entries one at a time, the others 0
 */
function coordClasses(layout: Layout, sum: (coord: readonly number[]) => number): Classes {
  const parts = layout.dims.map(({ padded }, axis) => {
    const coord = layout.shape.map(() => 0);
    return Int32Array.from({ length: padded }, (_, index) => {
      coord[axis] = index;
      return sum(coord) % MIXED;
    });
  });
  return summedClasses(
    layout,
    parts,
    MIXED,
    MIXED,
    Uint8Array.from({ length: MIXED }, (_, value) => value),
  );
}

/**
 * Classes that a table gives to a sum of one part for each entry of the coordinate, modulo the table's length, a power of two.
 * @param parts for each dimension, of each index
 */
function summedClasses(
  layout: Layout,
  parts: readonly Int32Array[],
  modulus: number,
  count: number,
  table: Uint8Array,
): Classes {
  const mask = modulus - 1;
  const digits = digitSums(layout, parts, modulus);
  if (digits !== undefined) {
    return {
      count,
      read(keys, total, out) {
        for (let at = 0; at < total; at += 1) out[at] = table[digits.at(keys[at] as number) & mask] as number;
      },
    };
  }
  const { axes } = coordReader(layout);
  return {
    count,
    read(keys, total, out) {
      for (let at = 0; at < total; at += 1) {
        const key = keys[at] as number;
        let sum = 0;
        for (let axis = 0; axis < axes.length; axis += 1)
          sum += (parts[axis] as Int32Array)[(axes[axis] as OffsetTable).at(key) | 0] as number;
        out[at] = table[sum & mask] as number;
      }
    },
  };
}
