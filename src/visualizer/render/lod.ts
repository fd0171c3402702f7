/*
 * What is drawn at which size. Sizes are CSS pixels, so that a sharper screen shows the same things, sharper.
 */

/** What a cell shows beside its colour. */
export type CellDetail = 'color' | 'border' | 'code' | 'text';

/** Least size of a block that gets borders. */
export const BLOCK_BORDER = 6;

/** @param scale CSS pixels a cell */
export function cellDetail(scale: number): CellDetail {
  if (scale < 4) return 'color';
  if (scale < 12) return 'border';
  return scale <= 24 ? 'code' : 'text';
}

/** Size of a cell's text in CSS pixels. */
export function fontSize(scale: number): number {
  if (scale < 18) return 9;
  return scale < 40 ? 10 : scale < 60 ? 11 : 12;
}

/** Whether the borders along one axis of a block are drawn: its size there must be visible, and it must not be a cell. */
export function showsBlock(cells: number, scale: number): boolean {
  return cells > 1 && cells * scale >= BLOCK_BORDER;
}

/** Stands for a line that is too wide for its cell. */
const TOO_WIDE = '…';

/**
 * The lines of a cell's text that are drawn: as many of the first ones as fit below each other. Each keeps its place, so that the second
 * is the value in every cell; one that is too wide is an ellipsis. Nothing is cut off in the middle, which would be another number.
 * @param lines most important first
 * @param columns characters that fit
 * @param rows lines that fit
 */
export function fittingLines(lines: readonly string[], columns: number, rows: number): readonly string[] {
  const fitting = lines.slice(0, rows).map((line, index) => {
    // The prefix of a code says nothing that the others' does not.
    const short = index === 0 && line.length > columns ? line.replace(/^0x/, '') : line;
    return short.length <= columns ? short : TOO_WIDE;
  });
  // A cell too narrow even for its code stays plain.
  return fitting[0] === TOO_WIDE ? [] : fitting;
}
