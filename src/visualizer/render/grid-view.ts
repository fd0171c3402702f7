import type { Cell, Grid, Paint } from '../model/grid.ts';
import { fontGlyphs } from './glyphs.ts';
import { cellDetail, fontSize } from './lod.ts';
import { drawOverlay } from './overlay.ts';
import { Painter, type PainterStyle } from './painter.ts';
import { RelatedSearch } from './related.ts';
import { drawRulers, type LabelBox, type Margins, rulerMargins } from './rulers.ts';
import { type CanvasColors, canvasColors } from './theme-colors.ts';
import { type PlotSize, rasterView, type Viewport } from './viewport.ts';

/** What a grid view shows. */
export interface GridViewInput {
  readonly grid: Grid;
  readonly paint: Paint;
  /** The part to show; asked for at every frame, because it may depend on `plot`. */
  readonly viewport: () => Viewport;
}

/** What is marked over the cells. */
export interface GridMarks {
  readonly cursor: Cell | undefined;
  readonly pins: readonly Cell[];
  /** What is marked beside the cursor: a predicate, whose cells are searched for, or cells: rows and columns one after the other. */
  readonly related: ((key: number) => boolean) | readonly number[] | undefined;
  readonly isFocused: boolean;
}

export interface GridViewElements {
  /** Gets `data-viewport`, `data-plot` and `data-state` after every frame. */
  readonly root: HTMLElement;
  readonly raster: HTMLCanvasElement;
  readonly overlay: HTMLCanvasElement;
}

/** Milliseconds without movement after which a picture is at rest. */
const REST_AFTER = 120;
/** Milliseconds of a frame for a better picture at rest: while the pointer moves, and when nothing else happens. */
const REFINE_BESIDE = 2;
const REFINE_ALONE = 7;
/** Milliseconds of a frame for related cells. */
const RELATED_BUDGET = 3;

/** Draws a grid on two canvases: cells and rulers on one, marks on the other, so that hovering never paints cells. */
export class GridView {
  readonly #elements: GridViewElements;
  readonly #painter = new Painter();
  #input: GridViewInput | undefined;
  #marks: GridMarks = { cursor: undefined, pins: [], related: undefined, isFocused: false };
  #search: RelatedSearch | undefined;
  /** Cells that the last whole search found; they stay until the next is whole, so that marks do not flicker. */
  #related: readonly number[] = [];
  #width = 0;
  #height = 0;
  #ratio = 1;
  #margins: Margins = { left: 0, top: 0 };
  #colors: CanvasColors | undefined;
  #style: PainterStyle | undefined;
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #needs = { cells: false, marks: false };
  #atRest = false;
  #labels: readonly LabelBox[] = [];

  constructor(elements: GridViewElements) {
    this.#elements = elements;
  }

  /** The part of the canvas that shows cells, in CSS pixels. */
  get plot(): PlotSize {
    return {
      width: Math.max(1, this.#width - this.#margins.left),
      height: Math.max(1, this.#height - this.#margins.top),
    };
  }

  get margins(): Margins {
    return this.#margins;
  }

  /** Shows another grid, look or part. */
  show(input: GridViewInput): void {
    if (this.#input?.grid !== input.grid) this.#margins = rulerMargins(input.grid, this.#width);
    this.#input = input;
    this.#search = undefined;
    this.#needs.cells = true;
    this.#moved();
    this.#schedule();
  }

  mark(marks: GridMarks): void {
    if (marks.related !== this.#marks.related) this.#search = undefined;
    this.#marks = marks;
    this.#needs.marks = true;
    this.#schedule();
  }

  /** @param ratio device pixels a CSS pixel */
  resize(width: number, height: number, ratio: number): void {
    if (width === this.#width && height === this.#height && ratio === this.#ratio) return;
    this.#width = width;
    this.#height = height;
    this.#ratio = ratio;
    this.#style = undefined;
    for (const canvas of [this.#elements.raster, this.#elements.overlay]) {
      canvas.width = Math.max(1, Math.round(width * ratio));
      canvas.height = Math.max(1, Math.round(height * ratio));
    }
    if (this.#input !== undefined) this.#margins = rulerMargins(this.#input.grid, width);
    this.#search = undefined;
    this.#needs.cells = true;
    this.#schedule();
  }

  /** Reads the colours of the theme anew. */
  restyle(): void {
    this.#colors = undefined;
    this.#style = undefined;
    this.#needs.cells = true;
    this.#schedule();
  }

  dispose(): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#input = undefined;
  }

  #moved(): void {
    this.#atRest = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#atRest = true;
      this.#schedule();
    }, REST_AFTER);
  }

  #schedule(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw(): void {
    const input = this.#input;
    if (input === undefined || this.#width < 2 || this.#height < 2) return;
    if (this.#needs.cells) {
      this.#needs = { cells: false, marks: true };
      this.#drawCells(input);
    } else if (this.#atRest && !this.#painter.isFinished) {
      const { top, bottom } = this.#painter.rest(this.#needs.marks ? REFINE_BESIDE : REFINE_ALONE);
      this.#putPicture(top, bottom);
    }
    if (this.#needs.marks) this.#drawMarks(input);
    else this.#searchRelated(input);
    this.#report(input);
    if (this.#atRest && !this.#painter.isFinished) this.#schedule();
  }

  #drawCells({ grid, paint, viewport }: GridViewInput): void {
    const context = this.#elements.raster.getContext('2d');
    if (context === null) return;
    this.#colors ??= canvasColors(this.#elements.root);
    this.#style ??= this.#makeStyle(this.#colors);
    const shown = viewport();
    this.#painter.move(grid, paint, rasterView(shown, this.plot, this.#ratio), this.#style);
    this.#putPicture(0, this.#painter.picture.height);
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    this.#labels = drawRulers(context, grid, shown, this.plot, this.#margins, this.#colors.rulers);
    context.setTransform(1, 0, 0, 1, 0, 0);
  }

  #makeStyle({ border, monospace }: CanvasColors): PainterStyle {
    const ratio = this.#ratio;
    return {
      border,
      ratio,
      glyphs: (scale) => {
        const detail = cellDetail(scale);
        return detail === 'code' || detail === 'text'
          ? fontGlyphs(monospace, Math.round(fontSize(scale) * ratio))
          : undefined;
      },
    };
  }

  #putPicture(top: number, bottom: number): void {
    const { data, width, height } = this.#painter.picture;
    const context = this.#elements.raster.getContext('2d');
    if (bottom <= top || context === null) return;
    const bytes = new Uint8ClampedArray(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    const left = Math.round(this.#margins.left * this.#ratio);
    const above = Math.round(this.#margins.top * this.#ratio);
    context.putImageData(new ImageData(bytes, width, height), left, above, 0, top, width, bottom - top);
  }

  #drawMarks({ grid, viewport }: GridViewInput): void {
    this.#needs.marks = false;
    const context = this.#elements.overlay.getContext('2d');
    if (context === null || this.#colors === undefined) return;
    const { related } = this.#marks;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.#elements.overlay.width, this.#elements.overlay.height);
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    const shown = viewport();
    const isSearched = typeof related === 'function';
    const state = { ...this.#marks, related: isSearched ? this.#related : (related ?? []), labels: this.#labels };
    drawOverlay(context, grid, shown, this.plot, this.#margins, state, this.#colors.overlay);
    if (isSearched && this.#search === undefined) {
      this.#search = new RelatedSearch(grid, rasterView(shown, this.plot, this.#ratio), related);
      this.#schedule();
    }
  }

  /** Looks for related cells in the frames after the one that shows the cursor. */
  #searchRelated(input: GridViewInput): void {
    const search = this.#search;
    if (search === undefined || search.found === this.#related) return;
    if (search.search(RELATED_BUDGET)) {
      this.#related = search.found;
      this.#drawMarks(input);
    } else this.#schedule();
  }

  #report({ viewport }: GridViewInput): void {
    const { root } = this.#elements;
    const { row, column, scale } = viewport();
    const { width, height } = this.plot;
    root.dataset['viewport'] = `${row},${column},${scale}`;
    root.dataset['plot'] = `${this.#margins.left},${this.#margins.top},${width},${height}`;
    root.dataset['state'] = this.#atRest && this.#painter.isFinished ? 'rest' : 'motion';
  }
}
