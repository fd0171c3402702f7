import { decodeArray } from '../../formats/decode.ts';
import type { MxScaleMode } from '../../formats/mx-scale.ts';
import { unpackNibbles } from '../../formats/pack.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asU8, asU16 } from '../../tensor/views.ts';
import { type QuantizedBlocks, quantizeBlocks, rowGroups } from './groups.ts';
import { mxRule } from './groups-rules.ts';
import { MX_BLOCK } from './moe-operands.ts';
import type { MoeScheme } from './moe-params.ts';

/** Element types of quantised activations. */
export type MoeElement = 'e2m1' | 'e4m3fn';

/** The values that a matrix multiplication reads, [rows, columns]. */
export interface MoeInput {
  /** Exact: codes times scales. */
  readonly values: Float64Array;
  /** The largest number of each row that is met on the way: a value, or the scale times the largest code. */
  readonly ceiling: Float64Array;
}

/** A block whose scale another implementation may round to another power of two, because its largest element is another. */
export interface ScaleJump {
  readonly row: number;
  readonly block: number;
  readonly alternatives: readonly {
    /** The block's values with the other scale, less those of `values`. */
    readonly delta: Float64Array;
    /** How far the values may lie from that. */
    readonly spread: Float64Array;
  }[];
}

/** Values that another implementation may legitimately have computed differently. */
export interface UncertainInput extends MoeInput {
  /** How far each value may lie from `values`. Without it they are certain. */
  readonly spread: Float64Array | undefined;
  readonly jumps: readonly ScaleJump[];
  /** Rows of which nothing is known. */
  readonly open: ReadonlySet<number>;
}

const CERTAIN = { spread: undefined, jumps: [], open: new Set<number>() };

/** What a checked operand of a scheme holds. */
export function readInput(scheme: MoeScheme, source: Tensor, scale: Tensor | undefined): UncertainInput {
  const columns = source.layout.shape.at(-1) ?? 1;
  if (scheme === 'a16w4' || scale === undefined) return bf16Input(decodeArray('bf16', asU16(source)), columns);
  const element = elementOf(scheme);
  const codes = element === 'e2m1' ? unpackNibbles(asU8(source), source.layout.size) : asU8(source);
  return codeInput({ codes, scales: decodeArray('e8m0', asU8(scale)) }, columns, element);
}

export function elementOf(scheme: 'a8w4' | 'a4w4'): MoeElement {
  return scheme === 'a4w4' ? 'e2m1' : 'e4m3fn';
}

export function bf16Input(bf16: Float32Array, columns: number): UncertainInput {
  const values = Float64Array.from(bf16);
  const ceiling = new Float64Array(values.length / columns);
  values.forEach((value, index) => {
    const row = Math.floor(index / columns);
    if (Math.abs(value) > (ceiling[row] as number)) ceiling[row] = Math.abs(value);
  });
  return { ...CERTAIN, values, ceiling };
}

/** Values of quantised rows, as `mxfp8_quant` and `mxfp4_quant` quantise them. */
export function quantizedInput(
  values: Float32Array,
  columns: number,
  element: MoeElement,
  mode: MxScaleMode,
): UncertainInput {
  return codeInput(quantizeRows(values, columns, element, mode), columns, element);
}

/** @param scale quantise with this one, whatever the largest element is */
export function quantizeRows(
  values: Float32Array,
  columns: number,
  element: MoeElement,
  mode: MxScaleMode,
  scale?: number,
): QuantizedBlocks {
  const rule = mxRule('torch', element, mode);
  const grid = rowGroups(values.length / columns, columns, MX_BLOCK);
  return quantizeBlocks(values, grid, scale === undefined ? rule : { ...rule, scale: () => scale }, element, {
    convention: 'aiter',
  });
}

export function codeInput({ codes, scales }: QuantizedBlocks, columns: number, element: MoeElement): UncertainInput {
  const blocks = columns / MX_BLOCK;
  const values = Float64Array.from(decodeArray(element, codes));
  const ceiling = new Float64Array(values.length / columns);
  const largest = element === 'e2m1' ? 6 : 448;
  scales.forEach((scale, block) => {
    const row = Math.floor(block / blocks);
    if (scale * largest > (ceiling[row] as number)) ceiling[row] = scale * largest;
    for (let k = block * MX_BLOCK; k < (block + 1) * MX_BLOCK; k += 1) values[k] = (values[k] as number) * scale;
  });
  return { ...CERTAIN, values, ceiling };
}
