import type { NamedTensors } from '../ops/kernel-call.ts';
import type { Fp8Format } from '../ops/shared/groups-rules.ts';

/**
 * What the operands of a probe hold:
 * - `address-coded`: every element's code is a hash of its logical coordinate, scales never repeat at the distances of tiles;
 * - `random`: normal numbers with a few large channels, quantised as a loader or a layer does it;
 * - `one-hot`: each row of activations picks one column of the weight, which the output then reads back.
 */
export type ProbeData = 'address-coded' | 'random' | 'one-hot';

export const PROBE_DATA: readonly ProbeData[] = ['address-coded', 'random', 'one-hot'];

/**
 * How expert weights and their scales are stored: `plain` row-major with all gate rows first, `checkpoint` rows g0, u0, g1, …;
 * `separated` and `interleave` are AITER's shuffles for the two gate modes.
 */
export type ProbeLayout = 'plain' | 'checkpoint' | 'separated' | 'interleave';

export const PROBE_LAYOUTS: readonly ProbeLayout[] = ['plain', 'checkpoint', 'separated', 'interleave'];

/** What can be chosen beside sizes and parameters; each op takes some of them. */
export interface ProbeChoices {
  /** Mixture of experts. Default `separated`. */
  readonly layout: ProbeLayout;
  /** Mixture of experts: whether there are biases. Default true, false with one-hot data. */
  readonly bias: boolean;
  /** `fp8_gemm_nt`: float scales (SM90) or four exponents an int32 (SM100). Default `f32`. */
  readonly scales: 'f32' | 'packed';
  /** fp8 multiplications: the format of x and w. Default `e4m3fn`. */
  readonly format: Fp8Format;
  /** One-hot data: the column that row 0 picks. Default 0. */
  readonly start: number;
  /** Norms: whether there is a residual. Default true. */
  readonly residual: boolean;
  /** `fused_rms_fp8_group_quant`: whether there is a second input. Default false. */
  readonly second: boolean;
  /** Quantisers, norms and routing: the number type of their input. Default `bf16`; `f32` for ops on scales, logits and `encode`. */
  readonly type: 'bf16' | 'f16' | 'f32';
  /** Padding of stored operands: NaN codes and scales, or (false) zeros and scales of 1. Default true. */
  readonly poison: boolean;
}

export type ChoiceName = keyof ProbeChoices;

/** A probe that was asked for, checked and with its defaults filled in. */
export interface ProbeRequest extends ProbeChoices {
  readonly op: string;
  readonly sizes: Readonly<Record<string, number>>;
  /** Parameters of the op, of whatever type the op has. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly data: ProbeData;
  readonly seed: number;
}

/** Makes operands of one op. Shapes that the op does not take are left to the op's own checks. */
export interface OpProbe {
  /** Names of sizes, with their defaults. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Choices it takes. */
  readonly choices: readonly ChoiceName[];
  /** What its output reads back from one-hot data; without it, it takes the other two kinds only. */
  readonly oneHot?: string;
  /** Number type of its input where that is not bf16. */
  readonly type?: ProbeChoices['type'];
  /** Parameters that the op does not have defaults for. May depend on sizes. */
  params?(sizes: Readonly<Record<string, number>>): object;
  make(request: ProbeRequest): NamedTensors;
  /** Reads the sizes back. */
  sizesOf(operands: NamedTensors, params: object): Record<string, number>;
}
