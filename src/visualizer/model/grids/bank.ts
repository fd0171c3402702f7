import { WAVE_LANES } from '../../../layout/index.ts';
import type { Cell, Grid } from '../grid.ts';
import { type RegisterView, registerGrid } from './register.ts';

/** LDS banks of gfx950 and the bytes of each. */
export const BANKS = 64;
const WORD_BITS = 32;

/** What one wave reads to fill the registers of a tile. */
export interface WaveAccess {
  /** Storage offsets, ascending, each once. */
  readonly keys: readonly number[];
  readonly bytes: number;
  /** Numbers of the cache lines touched, ascending. */
  readonly lines: readonly number[];
  /** Bytes a line. */
  readonly lineBytes: number;
  /** Lines of which every byte is read. */
  readonly wholeLines: number;
  /** 4-byte words of each bank, if the tensor lay in LDS as it lies in memory; ascending, each once. */
  readonly banks: readonly (readonly number[])[];
}

/** The bytes behind one tile of registers. */
export function waveAccess(view: RegisterView, lineBytes = 128): WaveAccess {
  const grid = registerGrid(view);
  const keys = new Set<number>();
  for (let lane = 0; lane < WAVE_LANES; lane += 1) {
    for (let column = 0; column < grid.columns; column += 1) {
      const key = grid.keyAt(lane, column);
      if (key !== -1) keys.add(key);
    }
  }
  const sorted = [...keys].sort((a, b) => a - b);
  const bytes = (sorted.length * view.bits) / 8;
  const perLine = (lineBytes * 8) / view.bits;
  const inLine = new Map<number, number>();
  const words = new Set<number>();
  for (const key of sorted) {
    const line = Math.floor(key / perLine);
    inLine.set(line, (inLine.get(line) ?? 0) + 1);
    for (let bit = 0; bit < view.bits; bit += WORD_BITS) words.add(Math.floor((key * view.bits + bit) / WORD_BITS));
  }
  const banks = Array.from({ length: BANKS }, (): number[] => []);
  for (const word of words) banks[word % BANKS]?.push(word);
  return {
    keys: sorted,
    bytes,
    lines: [...inLine.keys()],
    lineBytes,
    wholeLines: [...inLine.values()].filter((count) => count === perLine).length,
    banks,
  };
}

/** `64 lanes read 1024 bytes from 8 lines of 128 bytes, all whole`. */
export function describeLines({ bytes, lines, lineBytes, wholeLines }: WaveAccess): string {
  if (lines.length === 0) return 'This tile holds no element.';
  const read = `64 lanes read ${bytes} bytes from ${lines.length} ${lines.length === 1 ? 'line' : 'lines'} of ${lineBytes} bytes`;
  if (wholeLines === lines.length) return `${read}, ${lines.length === 1 ? 'whole' : 'all whole'}.`;
  const share = Math.round((100 * bytes) / (lines.length * lineBytes));
  return `${read}, ${wholeLines === 0 ? 'none' : `${wholeLines}`} whole: ${share}% of what is fetched is used.`;
}

/** `256 words in 64 LDS banks, 4 in each: no bank waits`. */
export function describeBanks({ banks }: WaveAccess): string {
  const counts = banks.map((words) => words.length);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const most = Math.max(...counts);
  const least = Math.ceil(total / BANKS);
  if (total === 0) return 'No bank is read.';
  const words = `${total} ${total === 1 ? 'word' : 'words'} of 4 bytes in ${counts.filter((count) => count > 0).length} of ${BANKS} LDS banks`;
  return most === least
    ? `${words}, at most ${most} in each: no conflict.`
    : `${words}, up to ${most} in one where ${least} would do: ${most / least}-fold conflict.`;
}

/**
 * The cache lines that a wave touches, one a row, in words of 4 bytes (or one element, where that is longer). A word stands for the
 * first of its elements that is read; what the wave does not read is empty.
 */
export function lineGrid(view: RegisterView, access: WaveAccess): Grid {
  const perWord = Math.max(1, WORD_BITS / view.bits);
  const wordBytes = (perWord * view.bits) / 8;
  const columns = access.lineBytes / wordBytes;
  const cells = new Map<number, Cell>();
  const words = new Map<number, number>();
  const rowOf = new Map(access.lines.map((line, row) => [line, row]));
  for (const key of access.keys) {
    const word = Math.floor(key / perWord);
    const cell = { row: rowOf.get(Math.floor(word / columns)) ?? 0, column: word % columns };
    const at = cell.row * columns + cell.column;
    if (!words.has(at)) words.set(at, key);
    cells.set(key, cell);
  }
  return {
    rows: Math.max(1, access.lines.length),
    columns,
    keyAt: (row, column) => words.get(row * columns + column) ?? -1,
    cellOf: (key) => cells.get(key),
    blocks: [{ rows: 1, columns: 16 / wordBytes, kind: 'line' }],
    rowLabel: (row) => `0x${((access.lines[row] ?? 0) * access.lineBytes).toString(16)}`,
    columnLabel: (column) => `+0x${(column * wordBytes).toString(16)}`,
  };
}

/** The LDS banks that a wave's words lie in, one a column, the words of a bank below each other. A word stands for its first element. */
export function bankGrid(view: RegisterView, access: WaveAccess): Grid {
  const perWord = WORD_BITS / view.bits;
  const keyOf = (word: number): number => Math.floor(word * perWord);
  const cells = new Map<number, Cell>();
  for (const [column, words] of access.banks.entries())
    for (const [row, word] of words.entries()) cells.set(word, { row, column });
  return {
    rows: Math.max(1, ...access.banks.map((words) => words.length)),
    columns: BANKS,
    keyAt(row, column) {
      const word = access.banks[column]?.[row];
      return word === undefined ? -1 : keyOf(word);
    },
    cellOf: (key) => (key < 0 ? undefined : cells.get(Math.floor(key / perWord))),
    blocks: [{ rows: 1, columns: 16, kind: 'line' }],
    rowLabel: (row) => `word ${row}`,
    columnLabel: (column) => `bank ${column}`,
  };
}
