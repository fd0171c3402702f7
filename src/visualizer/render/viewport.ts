/** Which part of a grid a canvas shows: the cell at its top left corner, and the size of a cell in CSS pixels. */
export interface Viewport {
  readonly row: number;
  readonly column: number;
  /** CSS pixels a cell; below 1 a pixel covers several cells. */
  readonly scale: number;
}

/** Cells of a grid. */
export interface Extent {
  readonly rows: number;
  readonly columns: number;
}

/** CSS pixels of the part of a canvas that shows cells. */
export interface PlotSize {
  readonly width: number;
  readonly height: number;
}

/** Largest cell, in CSS pixels. */
export const MAX_SCALE = 128;
/** Largest cell of a grid that is shown whole without being asked to: enough for code and value. */
const FIT_SCALE = 36;
/** A grid thinner than this many pixels when whole, as 737 280 rows of 2880 columns, is fitted by its shorter side. */
const THINNEST = 64;

/** Scale at which the whole grid is visible. */
export function wholeScale({ rows, columns }: Extent, { width, height }: PlotSize): number {
  return Math.min(MAX_SCALE, width / columns, height / rows);
}

/** Where a canvas begins: the whole grid, or the beginning of one that is too long for that. */
export function fitViewport(extent: Extent, size: PlotSize): Viewport {
  const whole = wholeScale(extent, size);
  const shorter = Math.min(extent.rows, extent.columns) * whole;
  const room = Math.min(size.width, size.height);
  const scale =
    shorter < Math.min(THINNEST, room / 4) ? Math.max(size.width / extent.columns, size.height / extent.rows) : whole;
  return { row: 0, column: 0, scale: Math.min(FIT_SCALE, scale) };
}

/** Least share of the plot's width and height that shows cells of a grid that is larger than that. */
const LEAST_FILLED = 0.25;

/**
 * The nearest viewport at a permitted scale that begins inside the grid and does not end too far behind it. Space behind the grid is
 * permitted so that zooming can keep the cell under the cursor wherever that is.
 */
export function clampViewport({ row, column, scale }: Viewport, extent: Extent, size: PlotSize): Viewport {
  const clamped = Math.min(MAX_SCALE, Math.max(Math.min(FIT_SCALE, wholeScale(extent, size)), scale));
  const within = (at: number, cells: number, pixels: number): number =>
    Math.min(Math.max(0, at), Math.max(0, cells - (LEAST_FILLED * pixels) / clamped));
  return {
    row: within(row, extent.rows, size.height),
    column: within(column, extent.columns, size.width),
    scale: clamped,
  };
}

/**
 * Zooms about a point, whose cell stays under it unless the grid's edge forbids that.
 * @param x CSS pixels from the left edge of the plot
 */
export function zoomAbout(
  viewport: Viewport,
  factor: number,
  x: number,
  y: number,
  extent: Extent,
  size: PlotSize,
): Viewport {
  const low = Math.min(FIT_SCALE, wholeScale(extent, size));
  const scale = Math.min(MAX_SCALE, Math.max(low, viewport.scale * factor));
  const row = viewport.row + y / viewport.scale - y / scale;
  const column = viewport.column + x / viewport.scale - x / scale;
  return clampViewport({ row, column, scale }, extent, size);
}

/** Moves the cells by CSS pixels: positive `dx` to the right. */
export function panBy(viewport: Viewport, dx: number, dy: number, extent: Extent, size: PlotSize): Viewport {
  const { row, column, scale } = viewport;
  return clampViewport({ row: row - dy / scale, column: column - dx / scale, scale }, extent, size);
}

/** Puts a cell in the middle. */
export function centreOn(viewport: Viewport, row: number, column: number, extent: Extent, size: PlotSize): Viewport {
  const { scale } = viewport;
  return clampViewport(
    { row: row + 0.5 - size.height / scale / 2, column: column + 0.5 - size.width / scale / 2, scale },
    extent,
    size,
  );
}

/** The least movement after which a cell is wholly visible, with some cells around it. */
export function scrollTo(viewport: Viewport, row: number, column: number, extent: Extent, size: PlotSize): Viewport {
  const { scale } = viewport;
  const follow = (at: number, cell: number, cells: number, pixels: number): number => {
    const visible = pixels / scale;
    const margin = Math.min(2, Math.max(0, (visible - 1) / 2));
    return Math.min(cell - margin, Math.max(Math.min(cells, cell + 1 + margin) - visible, at));
  };
  return clampViewport(
    {
      row: follow(viewport.row, row, extent.rows, size.height),
      column: follow(viewport.column, column, extent.columns, size.width),
      scale,
    },
    extent,
    size,
  );
}

/** The cell at a point of the plot; undefined beside the grid. */
export function cellAt(
  { row, column, scale }: Viewport,
  x: number,
  y: number,
  extent: Extent,
): { readonly row: number; readonly column: number } | undefined {
  const at = { row: Math.floor(row + y / scale), column: Math.floor(column + x / scale) };
  const isInside = at.row >= 0 && at.column >= 0 && at.row < extent.rows && at.column < extent.columns;
  return isInside ? at : undefined;
}

/**
 * A viewport in device pixels. The grid's top left corner is moved to whole pixels, so that panning moves pictures without changing
 * them: pixel X of the world, `originX + x`, shows column `(X + 0.5) / cell`.
 */
export interface RasterView {
  /** Device pixels from the grid's left edge to the plot's. */
  readonly originX: number;
  readonly originY: number;
  /** Device pixels a cell. */
  readonly cell: number;
  readonly width: number;
  readonly height: number;
}

export function rasterView({ row, column, scale }: Viewport, size: PlotSize, ratio: number): RasterView {
  const cell = scale * ratio;
  return {
    originX: Math.round(column * cell),
    originY: Math.round(row * cell),
    cell,
    width: Math.max(1, Math.round(size.width * ratio)),
    height: Math.max(1, Math.round(size.height * ratio)),
  };
}
