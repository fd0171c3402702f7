import { PreshuffleError } from '../errors.ts';
import type { Layout } from './layout.ts';
import { elementAt, type MfmaMap, type RegisterPlace, registerOf } from './mfma.ts';

/** Lanes of a CDNA wave. */
export const WAVE_LANES = 64;

/** Where an element is in the registers of one wave, and which of the wave's loads or matrix tiles that is. */
export interface WavePlace extends RegisterPlace {
  /** Number of the wave-wide load, or of the matrix tile in row-major order over the tensor. */
  readonly tile: number;
}

/**
 * Which lane and register holds which element of a tensor: either because a wave loads consecutive bytes, or because a matrix
 * instruction wants the element there. A preshuffled weight is right where the two agree.
 */
export interface RegisterMap {
  readonly id: string;
  readonly title: string;
  /** 32-bit registers a lane. */
  readonly vgprs: number;
  /** Number of tiles of a tensor of this layout. */
  tiles(layout: Layout, bits: number): number;
  /** Where an element is; undefined where the tensor's last tile is not whole. */
  placeOf(layout: Layout, offset: number, bits: number): WavePlace | undefined;
  /** Storage offset of the element in a place; undefined where the tensor has none. */
  offsetAt(layout: Layout, place: WavePlace, bits: number): number | undefined;
}

/** Loads of one lane: `global_load_dword`, `dwordx2` or `dwordx4`. */
export type LoadBytes = 4 | 8 | 16;

/**
 * A wave loads consecutive memory, `bytes` a lane: lane l holds bytes `[l * bytes, (l + 1) * bytes)` of each piece of
 * `64 * bytes`. With 16 bytes this is how AITER's and CK's kernels load preshuffled weights, with 4 shuffled scales.
 */
export function loadRegisters(bytes: LoadBytes): RegisterMap {
  const wave = bytes * WAVE_LANES;
  return {
    id: `load${bytes}`,
    title: `wave load, ${bytes} bytes a lane`,
    vgprs: bytes / 4,
    tiles: (layout, bits) => Math.ceil((layout.storageSize * bits) / 8 / wave),
    placeOf(_layout, offset, bits) {
      const bit = offset * bits;
      const byte = Math.floor(bit / 8);
      const inLane = byte % bytes;
      return {
        tile: Math.floor(byte / wave),
        lane: Math.floor((byte % wave) / bytes),
        vgpr: Math.floor(inLane / 4),
        byte: inLane % 4,
        nibble: bit % 8 === 4 ? 1 : 0,
      };
    },
    offsetAt(layout, { tile, lane, vgpr, byte, nibble }, bits) {
      const bit = (tile * wave + lane * bytes + vgpr * 4 + byte) * 8 + nibble * 4;
      const offset = bit / bits;
      return Number.isInteger(offset) && offset < layout.storageSize ? offset : undefined;
    },
  };
}

/**
 * The operand of a matrix instruction: the last two dimensions of the tensor in tiles of the operand's rows and columns.
 * @throws PreshuffleError for the map of a scale, which has no rows and columns of its own
 */
export function mfmaRegisters(map: MfmaMap): RegisterMap {
  const [rows, columns] = map.layout.shape;
  if (map.layout.shape.length !== 2 || rows === undefined || columns === undefined) {
    throw new PreshuffleError(
      'register-map',
      `${map.layout.id} has ${map.layout.shape.length} dimensions, expected the 2 of an operand A, B or C/D.`,
    );
  }
  const perRow = (layout: Layout): number => Math.ceil((layout.shape.at(-1) ?? 1) / columns);
  const perMatrix = (layout: Layout): number => Math.ceil((layout.shape.at(-2) ?? 1) / rows) * perRow(layout);
  const outer = (layout: Layout): number => layout.shape.slice(0, -2).reduce((product, size) => product * size, 1);
  return {
    id: `${map.instruction}.${map.operand}.${map.bits}`,
    title: `${map.instruction} operand ${map.operand}, ${map.bits}-bit elements`,
    vgprs: map.vgprs,
    tiles: (layout) => outer(layout) * perMatrix(layout),
    placeOf(layout, offset) {
      const coord = layout.coord(offset);
      if (coord === undefined || coord.length < 2) return undefined;
      const row = coord.at(-2) as number;
      const column = coord.at(-1) as number;
      const matrix = coord.slice(0, -2).reduce((at, value, axis) => at * (layout.shape[axis] as number) + value, 0);
      const tile = matrix * perMatrix(layout) + Math.floor(row / rows) * perRow(layout) + Math.floor(column / columns);
      return { tile, ...registerOf(map, [row % rows, column % columns]) };
    },
    offsetAt(layout, { tile, ...place }) {
      if (layout.shape.length < 2) return undefined;
      const [row = 0, column = 0] = elementAt(map, place);
      let matrix = Math.floor(tile / perMatrix(layout));
      const inMatrix = tile % perMatrix(layout);
      const coord = [
        Math.floor(inMatrix / perRow(layout)) * rows + row,
        (inMatrix % perRow(layout)) * columns + column,
      ];
      for (const size of layout.shape.slice(0, -2).toReversed()) {
        coord.unshift(matrix % size);
        matrix = Math.floor(matrix / size);
      }
      return matrix === 0 && coord.every((value, axis) => value < (layout.shape[axis] as number))
        ? layout.offset(coord)
        : undefined;
    },
  };
}
