import { PreshuffleError } from '../errors.ts';
import { cuteForm } from './cute.ts';
import { axisIndexAt, digitSum, type LayoutDim, type LayoutFactor, mergedFactors } from './dim.ts';
import { printLayout } from './print.ts';

export interface LayoutInit<Id extends string> {
  readonly id: Id;
  readonly dims: readonly {
    readonly name: string;
    readonly size: number;
    readonly factors: readonly { readonly name: string; readonly size: number }[];
  }[];
  /** Every factor name once, outermost in storage first. */
  readonly order: readonly string[];
  /** Shape of the stored tensor as its source returns it. Default: the padded dimensions. */
  readonly storageShape?: readonly number[];
}

/** A coordinate or an offset lies outside the layout. */
export class LayoutRangeError extends PreshuffleError {
  constructor(message: string) {
    super('layout-range', message);
  }
}

/**
 * Where each logical element lies in storage: a bijection between logical coordinates and storage offsets, with holes where
 * the layout pads. Written the way AITER writes its shuffles: view each dimension as digits, pad, permute the digits.
 *
 * Offsets count elements, so one layout serves every element type; for fp4 they count nibbles.
 *
 * @post for every logical coordinate c: `coord(offset(c))` equals c
 * @post for every offset o below `storageSize`: `coord(o)` is undefined (padding) or `offset(coord(o))` equals o
 */
export class Layout<Id extends string = string> {
  /** Catalog id such as `shuffle_weight(16,16)`; part of a tensor's type. */
  readonly id: Id;
  readonly dims: readonly LayoutDim[];
  /** Factor names, outermost in storage first. */
  readonly order: readonly string[];
  /** Logical sizes. */
  readonly shape: readonly number[];
  /** Number of logical elements. */
  readonly size: number;
  /** Number of storage elements, padding included. */
  readonly storageSize: number;
  readonly storageShape: readonly number[];

  constructor(init: LayoutInit<Id>) {
    const sizes = new Map(init.dims.flatMap(({ factors }) => factors.map(({ name, size }) => [name, size] as const)));
    const strides = stridesOf(init.id, sizes, init.order);
    this.id = init.id;
    this.order = init.order;
    this.dims = init.dims.map(({ name, size, factors }) => ({
      name,
      size,
      padded: factors.reduce((product, factor) => product * factor.size, 1),
      factors: factors.map((factor) => ({ ...factor, stride: strides.get(factor.name) ?? 0 })),
    }));
    this.shape = this.dims.map(({ size }) => size);
    this.size = this.shape.reduce((product, size) => product * size, 1);
    this.storageSize = this.dims.reduce((product, { padded }) => product * padded, 1);
    this.storageShape = init.storageShape ?? this.dims.map(({ padded }) => padded);
  }

  /**
   * Storage offset of a logical coordinate, in elements.
   * @throws LayoutRangeError when the coordinate is outside `shape`
   */
  offset(coord: readonly number[]): number {
    if (coord.length !== this.dims.length) {
      throw new LayoutRangeError(
        `${this.id}: coordinate [${coord.join(', ')}] has ${coord.length} entries, the layout has ${this.dims.length} dimensions.`,
      );
    }
    let offset = 0;
    for (let axis = 0; axis < this.dims.length; axis += 1) {
      const dim = this.dims[axis] as LayoutDim;
      const index = coord[axis] as number;
      if (!Number.isInteger(index) || index < 0 || index >= dim.size) {
        throw new LayoutRangeError(
          `${this.id}: coordinate [${coord.join(', ')}] is outside [${this.shape.join(', ')}] in dimension "${dim.name}".`,
        );
      }
      offset += digitSum(dim, index);
    }
    return offset;
  }

  /**
   * Logical coordinate stored at an offset; `undefined` for padding.
   * @throws LayoutRangeError when the offset is outside the storage
   */
  coord(offset: number): number[] | undefined {
    if (!Number.isInteger(offset) || offset < 0 || offset >= this.storageSize) {
      throw new LayoutRangeError(
        `${this.id}: offset ${offset} is outside the storage of ${this.storageSize} elements.`,
      );
    }
    const coord: number[] = [];
    for (const dim of this.dims) {
      const index = axisIndexAt(dim, offset);
      if (index >= dim.size) return undefined;
      coord.push(index);
    }
    return coord;
  }

  /** Whether both place every coordinate at the same offset, however the digits are written and whatever the ids are. */
  equals(other: Layout): boolean {
    return this === other || canonical(this) === canonical(other);
  }

  /** View, pad and order in the notation of `parseLayout`, e.g. `n=(n0:3 n1:16) k=(k0:8 k1:16) -> n0 k0 n1 k1`. */
  toString(): string {
    return printLayout(this.dims, this.order);
  }

  /** The same mapping as a CuTe layout `shape:stride`, innermost mode first. */
  toCute(): string {
    return cuteForm(this.dims);
  }
}

function canonical(layout: Layout): string {
  const dims = layout.dims.map(
    (dim) =>
      `${dim.size}/${dim.padded}:${mergedFactors(dim)
        .map(({ size, stride }) => `${size}*${stride}`)
        .join(',')}`,
  );
  return dims.join(' ');
}

function stridesOf(
  id: string,
  sizes: ReadonlyMap<string, number>,
  order: readonly string[],
): ReadonlyMap<string, number> {
  const strides = new Map<string, number>();
  let stride = 1;
  for (const name of order.toReversed()) {
    const size = sizes.get(name);
    if (size === undefined || strides.has(name)) {
      throw new PreshuffleError(
        'layout-order',
        `layout "${id}": factor "${name}" in the storage order is ${size === undefined ? 'not part of any dimension' : 'listed twice'}.`,
      );
    }
    strides.set(name, stride);
    stride *= size;
  }
  const missing = [...sizes.keys()].find((name) => !strides.has(name));
  if (missing !== undefined)
    throw new PreshuffleError('layout-order', `layout "${id}": factor "${missing}" is missing from the storage order.`);
  return strides;
}

export type { LayoutDim, LayoutFactor };
