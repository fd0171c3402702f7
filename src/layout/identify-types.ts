import type { CatalogEntry } from './catalog-entry.ts';
import type { Layout } from './layout.ts';

export interface IdentifyInput {
  /** The plain tensor: row-major bytes. */
  readonly raw: Uint8Array;
  /** The same tensor after whatever was done to it. */
  readonly shuffled: Uint8Array;
  /** Bits of an element: 4 (two a byte, even element low), 8, 16, 32 or 64. */
  readonly bits: number;
  /** Logical shape, of fp4 in elements. Without it every `[N, K]` of the right size is tried. */
  readonly shape?: readonly number[];
  /** Experts stacked in the rows of a matrix. Default 1. */
  readonly experts?: number;
  /** Default: the catalog. */
  readonly candidates?: readonly CatalogEntry[];
}

/**
 * - `direct`: row-major in, the layout out;
 * - `inverse`: the layout in, row-major out;
 * - `twice`: the layout, applied again to its own output as if that were plain;
 * - `composition`: two of these, one after the other.
 */
export type IdentifyHow = 'direct' | 'inverse' | 'twice' | 'composition';

/** One layout applied to row-major data, or taken away from data that are in it. */
export interface IdentifyStep {
  readonly entry: CatalogEntry;
  /** Bound to a shape, which may be the stacked form of the one given (`[E N, G]` for scales of `[E, N, G]`). */
  readonly layout: Layout;
  readonly how: 'direct' | 'inverse';
}

/** A code in the padding, and how often it is there. */
export interface PaddingCode {
  readonly code: number;
  readonly count: number;
}

export interface IdentifyMatch {
  /** The layout of the last step. */
  readonly layout: Layout;
  readonly entry: CatalogEntry;
  readonly how: IdentifyHow;
  /** What was done, in order: one step, or two. */
  readonly steps: readonly IdentifyStep[];
  /** In words: `shuffle_weight(16,16)`, `inverse of …`, `… twice`, `written as A, from a raw that was read as B`. */
  readonly title: string;
  readonly shape: readonly number[];
  readonly exact: true;
  /** Elements of padding and what they hold, where one of the two has padding. Of 32 and 64 bits these are bytes. */
  readonly padding: { readonly elements: number; readonly codes: readonly PaddingCode[] };
  /** The whole bijection from raw offset to shuffled offset as digits of the shape; undefined with padding. */
  readonly mapping: Layout | undefined;
  /** Other ways to say the same: same mapping, element by element. */
  readonly sameAs: readonly string[];
}

/** An element that is not where a candidate puts it. Offsets count elements. */
export interface IdentifyDifference {
  /** Logical coordinate. */
  readonly coord: readonly number[];
  readonly rawOffset: number;
  readonly shuffledOffset: number;
  /** Codes; of elements above 32 bits the low 32. */
  readonly raw: number;
  readonly shuffled: number;
}

/** A candidate that explains at least 99 % of the elements, and more than repeated codes would explain. */
export interface NearMatch {
  /** Undefined for an inferred mapping. */
  readonly entry: CatalogEntry | undefined;
  readonly layout: Layout;
  readonly title: string;
  readonly shape: readonly number[];
  readonly exact: false;
  readonly elements: number;
  readonly differing: number;
  /** The first ones, at most 8. */
  readonly differences: readonly IdentifyDifference[];
}

/** Two mappings that the data do not tell apart. */
export interface Ambiguity {
  readonly titles: readonly [string, string];
  /** First element that they put at different places, which hold the same code here. */
  readonly raw: number;
  readonly places: readonly [number, number];
  readonly code: number;
  /** Share of the elements that they put at different places, estimated. */
  readonly share: number;
  readonly toTellApart: string;
}

export interface Contradiction extends IdentifyDifference {
  /** The candidate that comes nearest. */
  readonly title: string;
}

/** What came of looking for a permutation of digits. */
export interface Inference {
  /** Mappings that explain every element. */
  readonly solutions: readonly Layout[];
  /** Whether every permutation of digits was considered, so that there are no other solutions. */
  readonly complete: boolean;
  /** In words, where the answer is not a single layout. */
  readonly reason: string | undefined;
}

export interface IdentifyResult {
  /** Simplest first. */
  readonly matches: readonly IdentifyMatch[];
  readonly near: readonly NearMatch[];
  /** The one permutation of digits that explains every element; set only when no match does and no other could. */
  readonly inferred: Layout | undefined;
  readonly inference: Inference | undefined;
  readonly ambiguous: readonly Ambiguity[];
  /** Share of the elements that the best answer explains. */
  readonly coverage: number;
  /** Share that any order explains, because codes repeat; estimated. */
  readonly chance: number;
  /** Where the nearest candidate fails; undefined when something explains everything. */
  readonly firstContradiction: Contradiction | undefined;
  /** Whether the shape was found rather than given. */
  readonly shapeInferred: boolean;
  /** What else must be said: no permutation at all, too many candidates. */
  readonly notes: readonly string[];
}
