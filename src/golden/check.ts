import type { OpName, OpOperands, OpOutputs, OpParams } from '../ops/registry.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** How one output of an op is held against a golden tensor. */
export interface Expectation {
  /** Name of the op's output. */
  readonly output: string;
  /** The golden tensor, in the layout in which the op must return it. Its name is the one in the file. */
  readonly expected: Tensor;
  /**
   * `exact`: the same bytes, NaN codes by class. `bound`: within the op's error bound, see `ErrorBound`; for a float64
   * golden tensor, the bound around the golden value itself.
   */
  readonly compare: 'exact' | 'bound';
  /** One byte an element of storage, 0 where the source leaves the byte undefined. Same layout as `expected`. */
  readonly mask?: Uint8Array;
  /** Also compare the padding of the layout, where the source defines it. Default false. */
  readonly padding?: boolean;
  /** Names of the logical dimensions in reports, e.g. `['m', 'n']`. Default: those of the layout. */
  readonly dims?: readonly string[];
}

/** One run of one op inside a case. A case may hold several: the row-major and the preshuffled GEMM, for example. */
export interface GoldenCheck<N extends OpName = OpName> {
  /** Shown in reports, e.g. `y (bpreshuffle)`. */
  readonly label: string;
  readonly op: N;
  readonly params: OpParams<N>;
  readonly operands: OpOperands<N>;
  readonly expect: readonly Expectation[];
  /** The operands from which the bound is computed, where they are not those of the run. */
  readonly boundFrom?: OpOperands<N>;
}

/** Ties `op`, `params` and `operands` of a check to one op name, so that the compiler checks them together. */
export function check<N extends OpName>(
  label: string,
  op: N,
  params: OpParams<N>,
  operands: OpOperands<N>,
  expect: readonly (Expectation & { readonly output: keyof OpOutputs<N> & string })[],
): GoldenCheck {
  return { label, op, params, operands, expect } as unknown as GoldenCheck;
}
