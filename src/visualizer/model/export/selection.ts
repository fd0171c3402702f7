import { SceneError } from '../layout-ref.ts';

/** Dimensions of a tensor, as ranges name them: a layout, or other names for one. */
export interface Axes {
  readonly shape: readonly number[];
  readonly dims: readonly { readonly name: string }[];
}

/** A box of elements: for every axis the indices `start … end - 1`. */
export type Selection = readonly (readonly [start: number, end: number])[];

/** Elements that one export writes at most; larger ones open in no spreadsheet. */
export const MAX_ELEMENTS = 100_000;

/** The whole tensor. */
export function wholeTensor(layout: Axes): Selection {
  return layout.shape.map((size) => [0, size] as const);
}

/**
 * The block of the last two dimensions that holds an element, cut at the edges of the tensor.
 * @param rows rows of a block; blocks begin at multiples of it
 */
export function blockAround(layout: Axes, coord: readonly number[], rows = 16, columns = 16): Selection {
  const last = layout.shape.length - 1;
  return layout.shape.map((size, axis) => {
    const block = axis === last ? columns : axis === last - 1 ? rows : 1;
    const start = Math.floor((coord[axis] ?? 0) / block) * block;
    return [start, Math.min(size, start + block)] as const;
  });
}

/**
 * Reads `n=0:16 k=96`: Python slices by the names of the dimensions; those left out are whole.
 * @throws SceneError naming the part that is wrong and what the dimension holds
 */
export function parseSelection(text: string, layout: Axes): Selection {
  const chosen = new Map<number, readonly [number, number]>();
  for (const part of text.split(/[\s,]+/).filter((word) => word !== '')) {
    const match = /^([A-Za-z_]\w*)=(\d*:\d*|\d+)$/.exec(part);
    const axis = layout.dims.findIndex(({ name }) => name === match?.[1]);
    const size = layout.shape[axis];
    if (match === null || size === undefined) throw new SceneError(unreadable(part, layout));
    chosen.set(axis, parseSlice(match[2] ?? '', size, `Range of ${match[1]}`));
  }
  return layout.shape.map((size, axis) => chosen.get(axis) ?? [0, size]);
}

function unreadable(part: string, layout: Axes): string {
  const names = layout.dims.map(({ name }) => name);
  const example = names.map((name, axis) => `${name}=${axis === 0 ? '0:1' : '0'}`).join(' ');
  return `Range: "${part}" is not understood; expected such as "${example}" with the dimensions ${names.join(', ')}.`;
}

/**
 * Reads `0:64`, `:64`, `32:` or `5` of something that has `size`.
 * @throws SceneError naming what is sliced
 */
export function parseSlice(text: string, size: number, name: string): readonly [start: number, end: number] {
  const match = /^\s*(?:(\d*)\s*:\s*(\d*)|(\d+))\s*$/.exec(text);
  if (match === null) throw new SceneError(`${name}: "${text}" is not understood; expected such as 0:64 or 5.`);
  const [, from = '', to = '', only] = match;
  const start = Number(only ?? (from === '' ? 0 : from));
  const end = only === undefined ? (to === '' ? size : Number(to)) : start + 1;
  if (start < end && end <= size) return [start, end];
  throw new SceneError(`${name}: ${text.trim()} is empty or outside; there are 0 to ${size - 1}.`);
}

/** `n=0:16 k=96`: what `parseSelection` reads. */
export function printSelection(selection: Selection, layout: Axes): string {
  return selection
    .map(([start, end], axis) => `${layout.dims[axis]?.name}=${end === start + 1 ? start : `${start}:${end}`}`)
    .join(' ');
}

export function selectionSize(selection: Selection): number {
  return selection.reduce((product, [start, end]) => product * (end - start), 1);
}

/** The coordinates of a box, the last axis running fastest; at most `limit`. */
export function selectionCoords(selection: Selection, limit: number = MAX_ELEMENTS): readonly (readonly number[])[] {
  const count = Math.min(limit, selectionSize(selection));
  return Array.from({ length: count }, (_, index) => {
    let rest = index;
    const coord = new Array<number>(selection.length);
    for (let axis = selection.length - 1; axis >= 0; axis -= 1) {
      const [start, end] = selection[axis] as readonly [number, number];
      const size = end - start;
      coord[axis] = start + (rest % size);
      rest = Math.floor(rest / size);
    }
    return coord;
  });
}
