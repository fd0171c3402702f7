import { type ElementType, elementBits, isIntegerType } from '../formats/element-type.ts';
import { formatFacts, isFloatFormat } from '../formats/facts.ts';
import { elementReader } from '../golden/codes.ts';
import { logicalIndexer } from '../golden/logical-index.ts';
import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import { definitionOf } from '../ops/registry.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { COLUMN_BLOCK } from './crop.ts';

/** How well a prediction agrees with what was observed, over the elements that were looked at. */
export interface Evidence {
  readonly elements: number;
  /** Predicted within what an honest kernel may differ by. */
  readonly matched: number;
  /** Predicted to the bit. */
  readonly equal: number;
  /** Elements that the call as given does not predict. */
  readonly wrong: number;
  /** How many of these this prediction gets right. */
  readonly mended: number;
  /** Elements that the call as given predicts, and this prediction does not. */
  readonly broken: number;
}

/** The elements of some outputs in logical row-major order, one output after another. */
export interface Observed {
  readonly values: Float64Array;
  /** Bits of each element, for equality. */
  readonly codes: Float64Array;
  /** Index of the first element of each output, and what it is. */
  readonly parts: readonly {
    readonly name: string;
    readonly start: number;
    readonly end: number;
    readonly tensor: Tensor;
  }[];
}

/** Reads outputs once, in an order that does not depend on how they are stored. */
export function observe(outputs: NamedTensors, names: readonly string[] = Object.keys(outputs)): Observed {
  const chosen = names.flatMap((name) => {
    const given = outputs[name];
    return given === undefined ? [] : [{ name, tensor: given }];
  });
  const total = chosen.reduce((sum, { tensor: given }) => sum + given.layout.size, 0);
  const values = new Float64Array(total);
  const codes = new Float64Array(total);
  let start = 0;
  const parts = chosen.map(({ name, tensor: given }) => {
    const reader = elementReader(given);
    const logical = logicalIndexer(given.layout);
    for (let offset = 0; offset < reader.count; offset += 1) {
      const index = logical(offset);
      if (index === undefined) continue;
      values[start + index] = reader.value(offset);
      codes[start + index] = reader.code(offset);
    }
    const part = { name, start, end: start + given.layout.size, tensor: given };
    start = part.end;
    return part;
  });
  return { values, codes, parts };
}

/**
 * Which elements a prediction gets right: 0 wrong, 1 within what an honest kernel may differ by, 2 to the bit.
 *
 * A float result may be a few units in the last place of a typical element of its row off, whatever its own size: sums that cancel lose
 * bits. Codes and integers must be the same, unless the op itself allows a neighbour.
 */
export function agreement(call: KernelCall, predicted: Observed, actual: Observed): Uint8Array {
  const marks = new Uint8Array(actual.values.length);
  for (const [at, part] of actual.parts.entries()) {
    const expected = predicted.parts[at];
    if (expected === undefined) continue;
    const type = narrower(part.tensor.type, expected.tensor.type);
    const sameType = part.tensor.type === expected.tensor.type;
    const width = Math.max(1, part.tensor.layout.shape.at(-1) ?? 1);
    const allowed = allowance(call, type);
    for (let row = part.start; row < part.end; row += width) {
      const rowEnd = Math.min(part.end, row + width);
      // Columns that share scales are alike in size; whole rows need not be.
      for (let start = row; start < rowEnd; start += COLUMN_BLOCK) {
        const end = Math.min(rowEnd, start + COLUMN_BLOCK);
        const typical = allowed.floor === 0 ? 0 : allowed.floor * rootMeanSquare(predicted.values, start, end);
        for (let index = start; index < end; index += 1) {
          const want = predicted.values[index] as number;
          const got = actual.values[index] as number;
          if (sameType && predicted.codes[index] === actual.codes[index]) marks[index] = 2;
          else if (Number.isNaN(want) || Number.isNaN(got))
            marks[index] = Number.isNaN(want) && Number.isNaN(got) ? 2 : 0;
          else if (want === got) marks[index] = sameType ? 1 : 2;
          else if (isNear(Math.abs(want - got), allowed.units, type, Math.max(Math.abs(want), typical)))
            marks[index] = 1;
        }
      }
    }
  }
  return marks;
}

/** Counts marks of a prediction against those of the call as given. */
export function evidenceOf(marks: Uint8Array, asGiven: Uint8Array): Evidence {
  let [matched, equal, wrong, mended, broken] = [0, 0, 0, 0, 0];
  for (let index = 0; index < marks.length; index += 1) {
    const mark = marks[index] as number;
    if (mark > 0) matched += 1;
    if (mark === 2) equal += 1;
    if (asGiven[index] === 0) {
      wrong += 1;
      if (mark > 0) mended += 1;
    } else if (mark === 0) broken += 1;
  }
  return { elements: marks.length, matched, equal, wrong, mended, broken };
}

/** What a device that flushes subnormal numbers to zero, in scales and in sums, may lose. */
const FLUSHED = 2 ** -120;

interface Allowance {
  /** Units in the last place. */
  readonly units: number;
  /** Share of the root mean square of the row, in the unit of which a smaller element is measured. */
  readonly floor: number;
}

const EXACT: Allowance = { units: 0, floor: 0 };

/** Intermediate results that are quantised again move whole codes when their last bit differs. */
const REQUANTISED: Readonly<Record<string, Allowance>> = {
  a8w4: { units: 4, floor: 1 },
  a4w4: { units: 16, floor: 1 },
};

function allowance(call: KernelCall, type: ElementType): Allowance {
  if (!isFloatFormat(type) || type === 'e8m0') return EXACT;
  const exact = definitionOf(call.op).bound === undefined;
  if (elementBits(type) <= 8) return exact ? EXACT : { units: 1, floor: 0 };
  if (exact) return { units: 2, floor: 0 };
  if (call.op !== 'fused_moe_mxfp4') return { units: 2, floor: 1 / 32 };
  // Between the stages lies a rounding to bf16, and in some schemes a quantisation.
  const { scheme = 'a16w4' } = call.params as { readonly scheme?: string };
  return REQUANTISED[scheme] ?? { units: 2, floor: 1 / 4 };
}

/** Fraction bits that count: sums in float32 lose some of theirs, and in float64 references are no better. */
const FRACTION_BITS = { f64: 14, f32: 14, f16: 10, bf16: 7 } as const;

/** Whether a difference is at most some units in the last place at a value, or lost where a device has no subnormal numbers. */
function isNear(difference: number, units: number, type: ElementType, value: number): boolean {
  if (units === 0 || value === 0 || !Number.isFinite(value)) return false;
  if (difference <= FLUSHED) return true;
  const bits = fractionBits(type);
  // A unit lies between half of this and this; nearly always that is enough.
  const most = units * value * 2 ** -bits;
  if (difference > most) return false;
  return difference <= most / 2 || difference <= units * 2 ** (Math.floor(Math.log2(value)) - bits);
}

function fractionBits(type: ElementType): number {
  if (type === 'f64' || type === 'f32' || type === 'f16' || type === 'bf16') return FRACTION_BITS[type];
  return isFloatFormat(type) ? formatFacts(type).mantissaBits : 0;
}

function narrower(a: ElementType, b: ElementType): ElementType {
  if (isIntegerType(a) || isIntegerType(b)) return isIntegerType(a) ? a : b;
  return elementBits(a) < elementBits(b) ? a : b;
}

function rootMeanSquare(values: Float64Array, from: number, to: number): number {
  let sum = 0;
  let count = 0;
  for (let index = from; index < to; index += 1) {
    const value = values[index] as number;
    if (!Number.isFinite(value)) continue;
    sum += value * value;
    count += 1;
  }
  return count === 0 ? 0 : Math.sqrt(sum / count);
}
