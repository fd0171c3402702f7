/**
 * What a grid draws: cells that stand for elements. A cell's key is the storage offset of its element, padding included, so that every
 * grid of one tensor speaks of elements in the same way.
 */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
  /** Key of a cell; -1 where there is none, as behind the end of the last memory line. */
  keyAt(row: number, column: number): number;
  /**
   * Set where `keyAt(row, column)` is `rowBase(row) + columnBase(column)` and every cell has a key: then a whole picture costs one
   * call for each row and column.
   */
  readonly bases?: { row(row: number): number; column(column: number): number };
  /** Where an element is drawn; undefined when this grid does not show it. */
  cellOf(key: number): Cell | undefined;
  /** Borders, coarse ones first. */
  readonly blocks: readonly GridBlock[];
  /** Labels of the axes, as in `n=517`. */
  rowLabel(row: number): string;
  columnLabel(column: number): string;
}

export interface Cell {
  readonly row: number;
  readonly column: number;
}

/** A line every so many cells. */
export interface GridBlock {
  readonly rows: number;
  readonly columns: number;
  readonly kind: 'expert' | 'scale' | 'tile' | 'line';
}

/** How cells look. Keys are those of the grid. */
export interface Paint {
  /**
   * Colours of many cells at once, packed as the bytes of an ImageData (0xAABBGGRR). `keys[i]` is never -1.
   * @param out receives one colour for each of the first `count` keys
   */
  fill(keys: Float64Array, count: number, out: Uint32Array): void;
  /** Lines of text in a cell that is large enough, most important first: code, value, address. */
  text(key: number): readonly string[];
}
