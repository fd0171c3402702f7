import { type Layout, type RegisterMap, WAVE_LANES, type WavePlace } from '../../../layout/index.ts';
import { registerText } from '../../../tensor/describe-element.ts';
import type { Grid } from '../grid.ts';

/** The registers of one wave, and what of a tensor they hold. */
export interface RegisterView {
  readonly layout: Layout;
  readonly registers: RegisterMap;
  /** Bits of an element of the tensor. */
  readonly bits: number;
  /** Bits of an element in the registers, where an operand fixes them. Default: the tensor's. */
  readonly registerBits?: number | undefined;
  /** Which of the wave's loads or matrix tiles. */
  readonly tile: number;
}

/** Cells of one tile: a row for each lane, its elements along the columns, register by register, least significant bits first. */
export function registerGrid(view: RegisterView): Grid {
  const { registers, tile } = view;
  const width = view.registerBits ?? view.bits;
  const columns = Math.max(1, Math.floor((registers.vgprs * 32) / width));
  const perRegister = Math.max(1, 32 / width);
  const placeAt = (lane: number, column: number): WavePlace => {
    const bit = column * width;
    return {
      tile,
      lane,
      vgpr: Math.floor(bit / 32),
      byte: Math.floor((bit % 32) / 8),
      nibble: bit % 8 === 4 ? 1 : 0,
    };
  };
  return {
    rows: WAVE_LANES,
    columns,
    keyAt: (row, column) => registers.offsetAt(view.layout, placeAt(row, column), view.bits) ?? -1,
    cellOf(key) {
      const place = placeOf(view, key);
      if (place?.tile !== tile) return undefined;
      return {
        row: place.lane,
        column: Math.floor((place.vgpr * 32 + place.byte * 8 + place.nibble * 4) / width),
      };
    },
    blocks: perRegister > 1 && columns > perRegister ? [{ rows: 1, columns: perRegister, kind: 'line' }] : [],
    rowLabel: (row) => `lane ${row}`,
    columnLabel: (column) => registerText(placeAt(0, column), width),
  };
}

/** Where an element is in the registers; undefined for no element and for one that no tile holds. */
export function placeOf(
  { layout, registers, bits }: Pick<RegisterView, 'layout' | 'registers' | 'bits'>,
  key: number,
): WavePlace | undefined {
  return Number.isInteger(key) && key >= 0 && key < layout.storageSize
    ? registers.placeOf(layout, key, bits)
    : undefined;
}
