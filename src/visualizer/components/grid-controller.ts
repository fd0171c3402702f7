import { effect, type Signal, signal } from '@preact/signals';
import type { Cell, Grid } from '../model/grid.ts';
import { attachGestures } from '../render/gestures.ts';
import { gridCommand } from '../render/grid-keys.ts';
import { GridView } from '../render/grid-view.ts';
import {
  cellAt,
  centreOn,
  clampViewport,
  fitViewport,
  panBy,
  scrollTo,
  type Viewport,
  zoomAbout,
} from '../render/viewport.ts';
import { theme } from '../state/theme.ts';
import type { GridCanvasProps, RelatedKeys } from './grid-canvas.tsx';
import { GridTwin } from './grid-twin.ts';

/** Connects a grid's canvases with pointers, keys and signals. Owned by GridCanvas. */
export class GridController {
  readonly #root: HTMLElement;
  readonly #view: GridView;
  readonly #twin: GridTwin;
  readonly #own: Signal<Viewport | undefined> = signal(undefined);
  readonly #stops: (() => void)[] = [];
  #stopSignals: () => void = () => {};
  #props: GridCanvasProps;
  /** Cell that this grid's own pointer or keyboard is at; it may hold no element. */
  #local: Cell | undefined;
  #isFocused = false;
  #relatedFound:
    | { readonly keys: ReadonlySet<number>; readonly grid: Grid; readonly cells: readonly number[] }
    | undefined;

  constructor(root: HTMLElement, props: GridCanvasProps) {
    this.#root = root;
    this.#props = props;
    const [raster, overlay] = root.querySelectorAll('canvas');
    const twin = root.querySelector<HTMLElement>('.grid-twin');
    const live = root.querySelector<HTMLElement>('[aria-live]');
    if (raster === undefined || overlay === undefined || twin === null || live === null)
      throw new Error('GridCanvas lacks one of its elements.');
    this.#view = new GridView({ root, raster, overlay });
    this.#twin = new GridTwin(twin, live);
    this.#stops.push(attachGestures(twin, this.#gestures()), this.#followSize(), this.#followFocus(twin));
    this.#bind();
  }

  /** Takes over what changed. */
  update(props: GridCanvasProps): void {
    const last = this.#props;
    this.#props = props;
    if (last.grid !== props.grid) {
      this.#local = undefined;
      const sameSize = last.grid.rows === props.grid.rows && last.grid.columns === props.grid.columns;
      if (!sameSize) this.#own.value = undefined;
    }
    if (
      last.grid !== props.grid ||
      last.paint !== props.paint ||
      last.hover !== props.hover ||
      last.viewport !== props.viewport ||
      last.related !== props.related
    )
      this.#bind();
    else this.#mark();
  }

  dispose(): void {
    this.#stopSignals();
    for (const stop of this.#stops) stop();
    this.#view.dispose();
  }

  get #signal(): Signal<Viewport | undefined> {
    return this.#props.viewport ?? this.#own;
  }

  get #viewport(): Viewport {
    const { grid } = this.#props;
    const { plot } = this.#view;
    return clampViewport(this.#signal.peek() ?? fitViewport(grid, plot), grid, plot);
  }

  /** Follows the signals of the current props. */
  #bind(): void {
    this.#stopSignals();
    const stops = [
      effect(() => {
        void this.#signal.value;
        this.#show();
      }),
      effect(() => {
        void this.#props.hover.value;
        void this.#props.related?.value;
        this.#mark();
      }),
      effect(() => {
        void theme.value;
        // The document gets its attribute in an effect of its own; colours are read when the next frame is drawn.
        this.#view.restyle();
      }),
    ];
    this.#stopSignals = () => {
      for (const stop of stops) stop();
    };
  }

  #show(): void {
    const { grid, paint } = this.#props;
    // The rulers decide how large the plot is, and it what fits.
    this.#view.show({ grid, paint, viewport: () => this.#viewport });
  }

  #mark(): void {
    const { grid, hover, pins, related } = this.#props;
    const key = hover.peek();
    const cursor = this.#cursorOf(key);
    this.#view.mark({
      cursor,
      pins: pins.flatMap((pin) => grid.cellOf(pin) ?? []),
      related: this.#relatedCells(related?.peek()),
      isFocused: this.#isFocused,
    });
    if (cursor === undefined) delete this.#root.dataset['cell'];
    else this.#root.dataset['cell'] = `${cursor.row},${cursor.column}`;
  }

  /** Cells of a set of keys; a predicate stays one. */
  #relatedCells(related: RelatedKeys): ((key: number) => boolean) | readonly number[] | undefined {
    if (related === undefined || typeof related === 'function') return related;
    const { grid } = this.#props;
    if (this.#relatedFound?.keys !== related || this.#relatedFound.grid !== grid) {
      const cells: number[] = [];
      for (const key of related) {
        const cell = grid.cellOf(key);
        if (cell !== undefined) cells.push(cell.row, cell.column);
      }
      this.#relatedFound = { keys: related, grid, cells };
    }
    return this.#relatedFound.cells;
  }

  #cursorOf(key: number | undefined): Cell | undefined {
    const { grid } = this.#props;
    const local = this.#local;
    if (local !== undefined) {
      const here = grid.keyAt(local.row, local.column);
      if (here === key || (here < 0 && key === undefined)) return local;
    }
    return key === undefined ? undefined : grid.cellOf(key);
  }

  /** Moves the pointer's or the keyboard's cursor. */
  #goTo(cell: Cell | undefined): void {
    const { grid, hover } = this.#props;
    this.#local = cell;
    const key = cell === undefined ? -1 : grid.keyAt(cell.row, cell.column);
    const next = key < 0 ? undefined : key;
    if (hover.peek() === next) this.#mark();
    else hover.value = next;
  }

  #cellAt(x: number, y: number): Cell | undefined {
    const { left, top } = this.#view.margins;
    return x < left || y < top ? undefined : cellAt(this.#viewport, x - left, y - top, this.#props.grid);
  }

  #gestures(): Parameters<typeof attachGestures>[1] {
    return {
      hover: (x, y) => this.#goTo(this.#cellAt(x, y)),
      leave: () => {
        if (this.#local !== undefined && !this.#isFocused) this.#goTo(undefined);
      },
      pan: (dx, dy) => {
        this.#signal.value = panBy(this.#viewport, dx, dy, this.#props.grid, this.#view.plot);
      },
      zoom: (factor, x, y, dx, dy) =>
        this.#zoom(factor, x - this.#view.margins.left, y - this.#view.margins.top, dx, dy),
      pick: (x, y, add) => {
        const cell = this.#cellAt(x, y);
        if (cell !== undefined) this.#pick(cell, add);
      },
    };
  }

  #zoom(factor: number, x: number, y: number, dx = 0, dy = 0): boolean {
    const { grid } = this.#props;
    const before = this.#viewport;
    const { row, column, scale } = before;
    const moved = { row: row - dy / scale, column: column - dx / scale, scale };
    const after = zoomAbout(moved, factor, Math.max(0, x), Math.max(0, y), grid, this.#view.plot);
    this.#signal.value = after;
    return after.scale !== before.scale;
  }

  #pick({ row, column }: Cell, add: boolean): void {
    const key = this.#props.grid.keyAt(row, column);
    if (key >= 0) this.#props.onPick?.(key, add);
  }

  #followSize(): () => void {
    const measure = (): void => {
      const { clientWidth, clientHeight } = this.#root;
      this.#view.resize(clientWidth, clientHeight, devicePixelRatio);
    };
    const observer = new ResizeObserver(measure);
    observer.observe(this.#root);
    measure();
    return () => observer.disconnect();
  }

  #followFocus(twin: HTMLElement): () => void {
    const stop = new AbortController();
    const { signal: until } = stop;
    twin.addEventListener('keydown', (event) => this.#press(event), { signal: until });
    const focus = (isFocused: boolean): void => {
      this.#isFocused = isFocused;
      this.#mark();
    };
    twin.addEventListener('focus', () => focus(true), { signal: until });
    twin.addEventListener('blur', () => focus(false), { signal: until });
    return () => stop.abort();
  }

  #press(event: KeyboardEvent): void {
    const { grid, hover } = this.#props;
    const { plot } = this.#view;
    const known = this.#cursorOf(hover.peek());
    const { row, column, scale } = this.#viewport;
    const cursor = known ?? {
      row: Math.min(grid.rows - 1, Math.ceil(row)),
      column: Math.min(grid.columns - 1, Math.ceil(column)),
    };
    const page = Math.max(1, Math.floor(plot.height / scale) - 1);
    const command = gridCommand(event, grid, cursor, page);
    if (command === undefined) return;
    event.preventDefault();
    // The page has keys of its own; these are the grid's.
    event.stopPropagation();
    switch (command.kind) {
      case 'move':
        // The first arrow only shows where the cursor is.
        this.#moveTo(known === undefined ? cursor : command.to);
        break;
      case 'zoom':
        this.#zoom(command.factor, (cursor.column + 0.5 - column) * scale, (cursor.row + 0.5 - row) * scale);
        this.#signal.value = scrollTo(this.#viewport, cursor.row, cursor.column, grid, plot);
        break;
      case 'fit':
        this.#signal.value = undefined;
        break;
      case 'pick':
        this.#pick(cursor, command.add);
        break;
      case 'leave':
        this.#goTo(undefined);
        (event.currentTarget as HTMLElement).blur();
        break;
    }
  }

  #moveTo(cell: Cell): void {
    const { grid, describe } = this.#props;
    const { plot } = this.#view;
    this.#goTo(cell);
    const isNear = scrollTo(this.#viewport, cell.row, cell.column, grid, plot);
    const far = Math.max(Math.abs(isNear.row - this.#viewport.row), Math.abs(isNear.column - this.#viewport.column));
    // A jump across the grid ends in the middle, so that its surroundings are seen.
    this.#signal.value =
      far * isNear.scale > Math.max(plot.width, plot.height)
        ? centreOn(this.#viewport, cell.row, cell.column, grid, plot)
        : isNear;
    const key = grid.keyAt(cell.row, cell.column);
    const place = `${grid.rowLabel(cell.row)}, ${grid.columnLabel(cell.column)}`;
    this.#twin.tell(cell, key < 0 ? `${place}: no element` : describe(key));
  }
}
