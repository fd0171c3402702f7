import type { ReadonlySignal, Signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Grid, Paint } from '../model/grid.ts';
import type { Viewport } from '../render/viewport.ts';
import { GridController } from './grid-controller.ts';

/** A set is drawn exactly; a predicate, for what is too much to list, at the pixels that there is time for. Undefined while there are none. */
export type RelatedKeys = ReadonlySet<number> | ((key: number) => boolean) | undefined;

export interface GridCanvasProps {
  readonly grid: Grid;
  readonly paint: Paint;
  /** Accessible name: `Memory of shuffle_weight(16,16)`. */
  readonly label: string;
  /** The full line about a cell, for the live region. */
  describe(key: number): string;
  /** Key under the pointer or the cursor; views that share the signal are linked. */
  readonly hover: Signal<number | undefined>;
  /** Keys that stay marked. */
  readonly pins: readonly number[];
  /** A click or Enter on a cell; `add` with Shift. */
  onPick?(key: number, add: boolean): void;
  /** Keys to mark beside the hovered one: the elements of a scale, the cells of a lane. */
  readonly related?: ReadonlySignal<RelatedKeys>;
  /** The part shown. Given by owners that move it or export it; otherwise the canvas keeps its own and begins with the whole grid. */
  readonly viewport?: Signal<Viewport | undefined>;
  /** Overlaid when the grid is dense: for a mode in which arrow keys move in memory. */
  readonly class?: string;
}

/**
 * A grid of cells on a canvas, with pan, zoom, hover, keyboard and a twin for screen readers. Fills its parent; give that a height.
 *
 * The root tells what is shown: `data-viewport` is `row,column,scale` (cell at the plot's top left corner, CSS pixels a cell), `data-plot` is
 * `left,top,width,height` of the plot inside the root, `data-state` is `rest` when nothing is left to paint, and `data-cell` is
 * `row,column` of the marked cell.
 */
export function GridCanvas(props: GridCanvasProps): JSX.Element {
  const root = useRef<HTMLDivElement>(null);
  const controller = useRef<GridController>(undefined);
  const { grid, label } = props;

  useEffect(() => {
    if (root.current === null) return undefined;
    const made = new GridController(root.current, props);
    controller.current = made;
    return () => made.dispose();
  }, []);
  useEffect(() => controller.current?.update(props));

  return (
    <div ref={root} class={`grid-canvas ${props.class ?? ''}`}>
      <canvas class="grid-raster" />
      <canvas class="grid-overlay" />
      {/* biome-ignore lint/a11y/useSemanticElements: a table of millions of cells stands behind the one that is described */}
      <div
        class="grid-twin"
        role="grid"
        tabIndex={0}
        aria-label={label}
        aria-rowcount={grid.rows}
        aria-colcount={grid.columns}
        aria-readonly="true"
      >
        {/* biome-ignore lint/a11y/useSemanticElements: part of the grid above */}
        {/* biome-ignore lint/a11y/useFocusableInteractive: the grid itself has the focus */}
        <div role="row">
          {/* biome-ignore lint/a11y/useSemanticElements: part of the grid above */}
          {/* biome-ignore lint/a11y/useFocusableInteractive: the grid itself has the focus */}
          <div role="gridcell" class="visually-hidden" />
        </div>
      </div>
      <div class="visually-hidden" aria-live="polite" />
    </div>
  );
}
