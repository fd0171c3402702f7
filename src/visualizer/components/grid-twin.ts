import type { Cell } from '../model/grid.ts';

/** Milliseconds between two announcements: holding an arrow key must not fill a screen reader's queue. */
const PAUSE = 250;

/** The accessible twin of a grid: one row with one cell, which is the one that the keyboard is at. */
export class GridTwin {
  readonly #row: Element | null;
  readonly #cell: Element | null;
  readonly #live: HTMLElement;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(grid: HTMLElement, live: HTMLElement) {
    this.#row = grid.querySelector('[role=row]');
    this.#cell = grid.querySelector('[role=gridcell]');
    this.#live = live;
  }

  /** Describes a cell, in the grid at once and aloud when the cursor rests. */
  tell({ row, column }: Cell, text: string): void {
    this.#row?.setAttribute('aria-rowindex', String(row + 1));
    this.#cell?.setAttribute('aria-colindex', String(column + 1));
    if (this.#cell !== null) this.#cell.textContent = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#live.textContent = text;
    }, PAUSE);
  }
}
