import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { Cell, Grid } from '../model/grid.ts';
import { elementsOfScale, placeOf, type RegisterView, registerGrid, scaleKeyOf } from '../model/grids/index.ts';
import { findMfma } from '../model/layout-ref.ts';
import { centreOn, type Extent, type PlotSize, scrollTo, type Viewport } from '../render/viewport.ts';
import { hover, scene, subject } from './store.ts';

/*
 * What the views of the Lens share beside the scene. One thing is looked at: an element, which every view marks, or a scale, of
 * which the others mark the elements.
 */

/** Which load or matrix tile the register and line views show. */
export const tile: Signal<number> = signal(0);

/** Storage offset in the scale tensor that the scale view marks: of the hovered element's scale, or of the hovered scale. */
export const scaleHover: Signal<number | undefined> = signal(undefined);

/** Parts shown by the views whose cells are elements of the tensor. */
export const viewports: Readonly<Record<'logical' | 'memory' | 'register' | 'scale', Signal<Viewport | undefined>>> = {
  logical: signal(undefined),
  memory: signal(undefined),
  register: signal(undefined),
  scale: signal(undefined),
};

/** Grids that are on the screen now; written by the views. */
export const shownGrids: Partial<Record<keyof typeof viewports, Grid>> = {};

/** Storage offsets of the pins that lie in the tensor, in their order. */
export const pinKeys: ReadonlySignal<readonly number[]> = computed(() => {
  const shown = subject.value;
  if (!shown.ok) return [];
  const { layout } = shown.value.tensor;
  return scene.value.pins
    .filter((pin) => pin.length === layout.shape.length && pin.every((at, axis) => at < (layout.shape[axis] as number)))
    .map((pin) => layout.offset(pin));
});

/** The element looked at: the hovered one, or else the last pin. */
export const focus: ReadonlySignal<number | undefined> = computed(() => {
  const shown = subject.value;
  if (!shown.ok) return undefined;
  const size = shown.value.tensor.layout.storageSize;
  return hover.value !== undefined && hover.value < size ? hover.value : pinKeys.value.at(-1);
});

/** The scale looked at while no element is. */
export const focusedScale: ReadonlySignal<number | undefined> = computed(() => {
  const shown = subject.value;
  const key = scaleHover.value;
  if (!shown.ok || shown.value.scale === undefined || hover.value !== undefined) return undefined;
  return key !== undefined && key < shown.value.scale.tensor.layout.storageSize ? key : undefined;
});

/** Registers of the scene, and the tile that is shown of them. */
export const registerView: ReadonlySignal<RegisterView | undefined> = computed(() => {
  const shown = subject.value;
  if (!shown.ok) return undefined;
  const { tensor, registers, bits } = shown.value;
  const last = Math.max(0, registers.tiles(tensor.layout, bits) - 1);
  return {
    layout: tensor.layout,
    registers,
    bits,
    registerBits: findMfma(scene.value.registers)?.bits,
    tile: Math.min(tile.value, last),
  };
});

/** Elements to mark beside the one looked at: those of its lane, or those of the scale looked at. */
export const related: ReadonlySignal<ReadonlySet<number> | undefined> = computed(() => {
  const shown = subject.value;
  if (!shown.ok) return undefined;
  const { tensor, scale } = shown.value;
  if (focusedScale.value !== undefined && scale !== undefined)
    return elementsOfScale(tensor.layout, scale, focusedScale.value);
  const view = registerView.value;
  return hover.value === undefined || view === undefined ? undefined : laneKeys(view, hover.value);
});

/** Storage offsets of what the lane of an element holds in the same tile. */
function laneKeys(view: RegisterView, key: number): ReadonlySet<number> {
  const place = placeOf(view, key);
  if (place === undefined) return new Set();
  const grid = registerGrid({ ...view, tile: place.tile });
  const keys = Array.from({ length: grid.columns }, (_, column) => grid.keyAt(place.lane, column));
  return new Set(keys.filter((other) => other !== -1));
}

/** Links element, tile and scale; returns what ends that. */
export function linkViews(): () => void {
  let derived: number | undefined;
  const ends = [
    effect(() => {
      const key = focus.value;
      const view = registerView.peek();
      if (key === undefined || view === undefined) return;
      const place = placeOf(view, key);
      if (place !== undefined) tile.value = place.tile;
    }),
    effect(() => {
      if (hover.value !== undefined && follows.peek()) followElement(hover.value);
    }),
    effect(() => {
      const shown = subject.value;
      const key = hover.value;
      if (!shown.ok || shown.value.scale === undefined) return;
      const before = derived;
      derived = key === undefined ? undefined : scaleKeyOf(shown.value.tensor.layout, shown.value.scale, key);
      if (key !== undefined || scaleHover.peek() === before) scaleHover.value = derived;
    }),
    // What the first effect did not write comes from the scale view itself: a scale is looked at then, no element.
    effect(() => {
      if (scaleHover.value !== derived && scaleHover.value !== undefined) hover.value = undefined;
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}

/** Forgets which parts of the grids were shown: another tensor begins anew. */
export function clearViews(): void {
  hover.value = undefined;
  tile.value = 0;
  for (const viewport of Object.values(viewports)) viewport.value = undefined;
}

/** Cells that are smaller than this are enlarged when one of them is gone to, in CSS pixels. */
const READABLE = 14;

/** Whether the other views scroll to the element looked at where they do not show it. */
export const follows: Signal<boolean> = signal(true);

/** Brings an element to the middle of every view that does not show all of its grid. */
export function showElement(key: number): void {
  moveViews(key, (shown, cell, extent, size) => {
    const isWhole = shown.row === 0 && shown.column === 0 && isInside(shown, extent.rows - 1, extent.columns - 1, size);
    if (isWhole && shown.scale >= READABLE / 2) return undefined;
    const enlarged = { ...shown, scale: Math.max(shown.scale, READABLE) };
    return centreOn(enlarged, cell.row, cell.column, extent, size);
  });
}

/** Scrolls the views that neither the pointer nor the keyboard is in, as little as shows the element. */
function followElement(key: number): void {
  moveViews(key, (shown, cell, extent, size, root) => {
    const isOwn = root.matches(':hover') || root.contains(document.activeElement);
    return isOwn || isInside(shown, cell.row, cell.column, size)
      ? undefined
      : scrollTo(shown, cell.row, cell.column, extent, size);
  });
}

type Move = (shown: Viewport, cell: Cell, extent: Extent, size: PlotSize, root: HTMLElement) => Viewport | undefined;

/** Moves the views that have a cell for an element, or for its scale. A canvas tells its size and what it shows in data attributes. */
function moveViews(key: number, move: Move): void {
  const shown = subject.peek();
  if (!shown.ok) return;
  const { tensor, scale } = shown.value;
  const scaleKey = scale === undefined ? undefined : scaleKeyOf(tensor.layout, scale, key);
  for (const view of ['logical', 'memory', 'scale'] as const) {
    const wanted = view === 'scale' ? scaleKey : key;
    const grid = shownGrids[view];
    const root = document.querySelector<HTMLElement>(`.view-${view} [data-plot]`);
    const cell = wanted === undefined ? undefined : grid?.cellOf(wanted);
    if (grid === undefined || root === null || cell === undefined) continue;
    const [, , width = 1, height = 1] = numbers(root.dataset['plot']);
    const [row = 0, column = 0, size = 1] = numbers(root.dataset['viewport']);
    const next = move({ row, column, scale: size }, cell, grid, { width, height }, root);
    if (next !== undefined) viewports[view].value = next;
  }
}

function isInside(shown: Viewport, row: number, column: number, { width, height }: PlotSize): boolean {
  const { scale } = shown;
  const within = (at: number, from: number, pixels: number): boolean =>
    at >= from - 0.01 && (at + 1 - from) * scale <= pixels + 1;
  return within(row, shown.row, height) && within(column, shown.column, width);
}

function numbers(text = ''): readonly number[] {
  return text.split(',').map(Number);
}
