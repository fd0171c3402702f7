import type { Layout } from './layout.ts';
import type { LayoutWarning } from './shape-warnings.ts';

/** What a layout may need beside the shape. */
export interface CatalogParams {
  /** Bits of an element. Default 8. */
  readonly bits?: number;
  /** Experts stacked in the rows of a scale. Default 1. */
  readonly experts?: number;
}

/** One named layout. */
export interface CatalogEntry {
  readonly id: string;
  readonly title: string;
  readonly operand: 'any' | 'weight' | 'weight scale' | 'activation' | 'activation scale';
  /** Upstream function. */
  readonly source: string;
  /** What the source leaves in the padding: a byte, nothing in particular, or there is no padding. */
  readonly padding: number | 'undefined' | 'none';
  /** A shape that it accepts, for pictures and tests. */
  readonly example: readonly number[];
  /** @throws ShapeRejectedError, ParameterError */
  bind(shape: readonly number[], params?: CatalogParams): Layout;
  /** Consequences of a shape that the source accepts although a kernel misreads it. */
  warnings?(shape: readonly number[], params: CatalogParams): readonly LayoutWarning[];
}
