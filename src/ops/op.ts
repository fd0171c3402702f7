import type { Tensor, TensorSpec } from '../tensor/tensor.ts';

/**
 * How far a float result may lie from the exact one, per element of an output in logical row-major order.
 * A result y is accepted when `round(exact - error) <= y <= round(exact + error)`, where `round` is the output format's
 * rounding: the interval idea of the WebGPU CTS. So a code may be one off only where the exact value lies within
 * `error` of a tie.
 */
export interface ErrorBound {
  /** Values before the last rounding, in float64. */
  readonly exact: Float64Array;
  /**
   * Absolute error that float32 arithmetic in any order of summation may add before the last rounding. Infinity where an
   * intermediate result may overflow: then any result is accepted, NaN too.
   */
  readonly error: Float64Array;
  /** How the output format is reached from a float32 value. Default `nearest-even`. */
  readonly rounding?: 'nearest-even' | 'truncate';
}

export type Operands<I extends string = string, Optional extends string = never> = Readonly<Record<I, Tensor>> &
  Readonly<Partial<Record<Optional, Tensor>>>;

/** What an op returns: `Optional` entries only with the operands that they come from. */
export type Outputs<T, O extends string = string, Optional extends string = never> = Readonly<Record<O, T>> &
  Readonly<Partial<Record<Optional, T>>>;

/**
 * One operation: the checks, the CPU reference and the error bound. Backends implement ops by name; they never check
 * shapes or derive layouts again, because `plan` has done both.
 *
 * @typeParam P parameters (plain JSON)
 * @typeParam I names of the required operands
 * @typeParam O names of the outputs
 * @typeParam Q names of optional operands
 * @typeParam R names of outputs that there are only with certain optional operands
 */
export interface OpDefinition<
  P extends object = object,
  I extends string = string,
  O extends string = string,
  Q extends string = never,
  R extends string = never,
> {
  /** As AITER, DeepGEMM or torch call it. */
  readonly name: string;
  readonly summary: string;
  /** Where the behaviour comes from (project and function). */
  readonly source: string;
  readonly inputs: readonly I[];
  readonly optional?: readonly Q[];
  readonly outputs: readonly O[];
  readonly optionalOutputs?: readonly R[];
  /**
   * Checks parameters and operands and says what comes out.
   * @throws OperandError, ParameterError, LayoutMismatchError
   */
  plan(params: P, operands: Operands<I, Q>): Outputs<TensorSpec, O, R>;
  /** The CPU reference. Calls `plan` itself. Bit-exact where the source is. */
  reference(params: P, operands: Operands<I, Q>): Outputs<Tensor, O, R>;
  /**
   * For outputs whose last bits depend on the order of float operations: what any correct float32 implementation may
   * return. Outputs without an entry must be reproduced byte for byte (outside padding).
   */
  bound?(params: P, operands: Operands<I, Q>): Readonly<Partial<Record<O | R, ErrorBound>>>;
}
