import type { Grid } from '../model/grid.ts';
import { axisSamples } from './samples.ts';
import type { RasterView } from './viewport.ts';

/** Cells looked at, at most; where more are visible, every so many pixels one. */
const MOST_CELLS = 20_000;
/** Cells looked at between two looks at the clock. */
const PIECE = 256;

/** Finds the visible cells that a predicate picks, a few milliseconds at a time, so that hovering stays quick. */
export class RelatedSearch {
  readonly found: number[] = [];
  readonly #grid: Grid;
  readonly #picks: (key: number) => boolean;
  readonly #rows: Float64Array;
  readonly #columns: Float64Array;
  #next = 0;

  constructor(grid: Grid, view: RasterView, picks: (key: number) => boolean) {
    const step = Math.max(1, Math.ceil(Math.sqrt((view.width * view.height) / MOST_CELLS)));
    this.#grid = grid;
    this.#picks = picks;
    this.#rows = axisSamples(view.originY, view.cell, grid.rows, 0, view.height, step).cells;
    this.#columns = axisSamples(view.originX, view.cell, grid.columns, 0, view.width, step).cells;
  }

  /**
   * Goes on until the time is over.
   * @returns whether every cell was looked at
   */
  search(milliseconds: number, now: () => number = () => performance.now()): boolean {
    const until = now() + milliseconds;
    const columns = this.#columns.length;
    const total = this.#rows.length * columns;
    while (this.#next < total && now() < until) {
      const end = Math.min(total, this.#next + PIECE);
      for (; this.#next < end; this.#next += 1) {
        const row = this.#rows[Math.floor(this.#next / columns)] as number;
        const column = this.#columns[this.#next % columns] as number;
        const key = this.#grid.keyAt(row, column);
        if (key >= 0 && this.#picks(key)) this.found.push(row, column);
      }
    }
    return this.#next >= total;
  }
}
