import type { Grid, Paint } from '../model/grid.ts';
import { drawBorders } from './borders.ts';
import { drawCellTexts, type Glyphs } from './cell-text.ts';
import { type Picture, paintCells } from './raster.ts';
import { refineRows } from './refine.ts';
import { type Region, wholeRegion } from './samples.ts';
import type { RasterView } from './viewport.ts';

/** What a painter draws with. */
export interface PainterStyle {
  /** Packed colour of borders. */
  readonly border: number;
  /** Device pixels a CSS pixel. */
  readonly ratio: number;
  /** Glyphs for a size of cells. */
  glyphs(scale: number): Glyphs | undefined;
}

/** Milliseconds after which a frame in motion is made coarser, and under which it is made finer again. */
const SLOW = 10;
const FAST = 5;
/** Pixel rows refined between two looks at the clock. */
const REFINED_ROWS = 2;
/** Pixels a sample in motion, from best to fastest. Text is left out from the second on. */
const STEPS = [1, 1, 2, 3, 4, 6, 8] as const;

/** Paints a grid into a picture of its own, frame by frame, as well as time allows. */
export class Painter {
  #picture: Picture = { width: 0, height: 0, data: new Uint32Array(0) };
  #view: RasterView | undefined;
  #grid: Grid | undefined;
  #paint: Paint | undefined;
  #style: PainterStyle | undefined;
  /** Index in STEPS. */
  #level = 0;
  /** Whether all pixels are as good as they get, and if not, up to which row they are. */
  #finished = false;
  #refined = 0;
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get picture(): Picture {
    return this.#picture;
  }

  /** Whether `rest` has nothing left to do. */
  get isFinished(): boolean {
    return this.#finished;
  }

  /** Forgets the picture, as when the grid's data changed. */
  forget(): void {
    this.#view = undefined;
  }

  /** Paints a frame: what moved by whole pixels is copied, the rest painted, coarsely where the last frames were slow. */
  move(grid: Grid, paint: Paint, view: RasterView, style: PainterStyle): void {
    const started = this.#now();
    const shift = this.#shiftTo(grid, paint, view, style);
    this.#grid = grid;
    this.#paint = paint;
    this.#style = style;
    this.#view = view;
    if (this.#picture.width !== view.width || this.#picture.height !== view.height) {
      const { width, height } = view;
      this.#picture = { width, height, data: new Uint32Array(width * height) };
    }
    const regions = shift === undefined ? [wholeRegion(view)] : shiftPicture(this.#picture, shift.x, shift.y);
    const step = STEPS[this.#level] as number;
    for (const region of regions) this.#paintRegion(region, step, this.#level === 0);
    if (regions.length > 0) {
      this.#finished = view.cell >= 1 && this.#level === 0;
      this.#refined = 0;
    }
    if (shift === undefined) this.#adapt(this.#now() - started);
  }

  /**
   * Improves the picture at rest for `budget` milliseconds; call until `isFinished`.
   * @returns rows that changed
   */
  rest(budget: number): { readonly top: number; readonly bottom: number } {
    const view = this.#view;
    if (view === undefined || this.#grid === undefined || this.#paint === undefined || this.#finished)
      return { top: 0, bottom: 0 };
    if (view.cell >= 1) {
      this.#paintRegion(wholeRegion(view), 1, true);
      this.#finished = true;
      return { top: 0, bottom: view.height };
    }
    const until = this.#now() + budget;
    const top = this.#refined;
    while (this.#refined < view.height && this.#now() < until) {
      const bottom = Math.min(view.height, this.#refined + REFINED_ROWS);
      refineRows(this.#grid, this.#paint, view, this.#picture, this.#refined, bottom);
      this.#overCells({ left: 0, top: this.#refined, right: view.width, bottom }, false);
      this.#refined = bottom;
    }
    this.#finished = this.#refined >= view.height;
    return { top, bottom: this.#refined };
  }

  #paintRegion(region: Region, step: number, withText: boolean): void {
    const { grid, paint, view } = this.#bound();
    paintCells(grid, paint, view, this.#picture, region, step);
    this.#overCells(region, withText);
  }

  #overCells(region: Region, withText: boolean): void {
    const { grid, paint, view, style } = this.#bound();
    drawBorders(grid, view, this.#picture, region, style.border, style.ratio);
    const glyphs = withText ? style.glyphs(view.cell / style.ratio) : undefined;
    if (glyphs !== undefined) drawCellTexts(grid, paint, view, this.#picture, region, glyphs, style.ratio);
  }

  #bound(): { grid: Grid; paint: Paint; view: RasterView; style: PainterStyle } {
    if (this.#grid === undefined || this.#paint === undefined || this.#view === undefined || this.#style === undefined)
      throw new Error('A painter paints after move() only.');
    return { grid: this.#grid, paint: this.#paint, view: this.#view, style: this.#style };
  }

  /** By how much the last picture must move to be part of the next; undefined where it is of no use. */
  #shiftTo(grid: Grid, paint: Paint, view: RasterView, style: PainterStyle): { x: number; y: number } | undefined {
    const last = this.#view;
    if (last === undefined || grid !== this.#grid || paint !== this.#paint || style !== this.#style) return undefined;
    if (last.cell !== view.cell || last.width !== view.width || last.height !== view.height) return undefined;
    const x = last.originX - view.originX;
    const y = last.originY - view.originY;
    return Math.abs(x) < view.width && Math.abs(y) < view.height ? { x, y } : undefined;
  }

  #adapt(spent: number): void {
    if (spent > SLOW) {
      // The cost falls with the square of the step.
      const jump = spent > 4 * SLOW ? 2 : 1;
      this.#level = Math.min(STEPS.length - 1, this.#level + jump);
    } else if (spent < FAST && this.#level > 0) this.#level -= 1;
  }
}

/**
 * Moves a picture's content.
 * @param dx positive to the right
 * @returns the regions that are now empty, at most two, not overlapping
 */
export function shiftPicture({ data, width, height }: Picture, dx: number, dy: number): readonly Region[] {
  if (dx === 0 && dy === 0) return [];
  // Rows are copied as one block: what runs over an edge lands in a region that is painted anyway.
  const by = dy * width + dx;
  if (by > 0) data.copyWithin(by, 0, data.length - by);
  else data.copyWithin(0, -by);
  const regions: Region[] = [];
  const top = dy > 0 ? dy : 0;
  const bottom = dy < 0 ? height + dy : height;
  if (dy > 0) regions.push({ left: 0, top: 0, right: width, bottom: dy });
  if (dy < 0) regions.push({ left: 0, top: bottom, right: width, bottom: height });
  if (dx > 0) regions.push({ left: 0, top, right: dx, bottom });
  if (dx < 0) regions.push({ left: width + dx, top, right: width, bottom });
  return regions;
}
