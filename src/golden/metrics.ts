import type { Tensor } from '../tensor/tensor.ts';

/** How far one output is from its golden tensor, over the compared elements. */
export interface TensorMetrics {
  readonly elements: number;
  readonly mismatches: number;
  /** Share of elements whose codes are the same bits, 0..1. */
  readonly equal: number;
  /** Largest |actual - expected|, over elements where both are finite. */
  readonly maxAbs: number;
  /** Largest |actual - expected| / |expected|, over elements where expected is finite and not zero. */
  readonly maxRel: number;
  /** Largest distance in units in the last place of the output format; `null` where it has no meaning. */
  readonly maxUlp: number | null;
  /** Cosine similarity over finite elements. Never a criterion: a scrambled scale can keep it above 0.95. */
  readonly cosine: number;
  /**
   * Largest share of the allowed error that an element needs, above 1 when it fails; 0 when every element is the correctly
   * rounded exact value; `null` for an exact comparison.
   */
  readonly boundUsed: number | null;
}

export class MetricsBuilder {
  #elements = 0;
  #mismatches = 0;
  #equal = 0;
  #maxAbs = 0;
  #maxRel = 0;
  #maxUlp: number | null;
  #boundUsed: number | null = null;
  #dot = 0;
  #actualSquared = 0;
  #expectedSquared = 0;

  constructor(actual: Tensor, expected: Tensor) {
    this.#maxUlp = actual.type === expected.type ? 0 : null;
  }

  add(actual: number, expected: number, equal: boolean, holds: boolean, ulp: number | undefined): void {
    this.#elements += 1;
    if (equal) this.#equal += 1;
    if (!holds) this.#mismatches += 1;
    if (ulp === undefined) this.#maxUlp = null;
    else if (this.#maxUlp !== null) this.#maxUlp = Math.max(this.#maxUlp, ulp);
    if (!Number.isFinite(actual) || !Number.isFinite(expected)) return;
    const difference = Math.abs(actual - expected);
    this.#maxAbs = Math.max(this.#maxAbs, difference);
    if (expected !== 0) this.#maxRel = Math.max(this.#maxRel, difference / Math.abs(expected));
    this.#dot += actual * expected;
    this.#actualSquared += actual * actual;
    this.#expectedSquared += expected * expected;
  }

  /** Share of the error bound that one element needs. */
  addBound(share: number): void {
    this.#boundUsed = Math.max(this.#boundUsed ?? 0, Number.isNaN(share) ? 0 : share);
  }

  finish(): TensorMetrics {
    const norms = Math.sqrt(this.#actualSquared) * Math.sqrt(this.#expectedSquared);
    return {
      elements: this.#elements,
      mismatches: this.#mismatches,
      equal: this.#elements === 0 ? 1 : this.#equal / this.#elements,
      maxAbs: this.#maxAbs,
      maxRel: this.#maxRel,
      maxUlp: this.#maxUlp,
      cosine: norms === 0 ? 1 : Math.min(1, this.#dot / norms),
      boundUsed: this.#boundUsed,
    };
  }
}
