import { type ElementType, elementBits, isIntegerType } from '../../formats/element-type.ts';
import { formatFacts } from '../../formats/facts.ts';
import { codeValue } from '../../formats/read-codes.ts';
import { axisIndexAt, type Layout } from '../../layout/index.ts';
import { type CodedTensor, codeText, numberText } from '../../tensor/describe-element.ts';
import { FLAG, FLAGS, type FlagId, flagsOf } from './tensor-flags.ts';

/** How often what occurs, for a chart. */
export interface Histogram {
  /** What a bar counts: codes, the upper byte of wide integers, or exponent fields of wide floats. */
  readonly of: 'code' | 'high byte' | 'exponent';
  readonly counts: Float64Array;
  /** Name of a bar: `0x7e = 448`. */
  label(bar: number): string;
}

/** Exact counts over a whole tensor. Padding is counted apart. */
export interface TensorStats {
  readonly elements: number;
  /** Of finite elements; NaN when there are none. */
  readonly min: number;
  readonly max: number;
  readonly absmax: number;
  readonly mean: number;
  readonly flags: Readonly<Record<FlagId, number>>;
  /** Different codes among the elements; undefined for types wider than 16 bits. */
  readonly different: number | undefined;
  readonly histogram: Histogram;
  readonly padding: {
    readonly elements: number;
    readonly codes: readonly { readonly code: string; readonly count: number }[];
  };
}

/** Elements between two looks at the clock. */
const CHUNK = 2 ** 18;
/** Codes of the padding that are named. */
const PADDING_CODES = 4;

/** Counts in steps, so that a page stays responsive: yields the share that is done, returns the result. */
export function* statsSteps(tensor: CodedTensor): Generator<number, TensorStats, void> {
  const bits = elementBits(tensor.type);
  const { layout } = tensor;
  const isPadding = paddingTest(layout);
  const counter = bits <= 16 ? new NarrowCounter(tensor.type) : new WideCounter(tensor.type);
  const padding = new Map<number, number>();
  const size = layout.storageSize;
  for (let start = 0; start < size; start += CHUNK) {
    const end = Math.min(size, start + CHUNK);
    for (let offset = start; offset < end; offset += 1) {
      const code = tensor.codeAt(offset);
      if (isPadding?.(offset) === true) padding.set(code, (padding.get(code) ?? 0) + 1);
      else counter.add(code);
    }
    yield end / size;
  }
  const codes = [...padding].toSorted((a, b) => b[1] - a[1]);
  return {
    ...counter.result(),
    elements: layout.size,
    padding: {
      elements: size - layout.size,
      codes: codes.slice(0, PADDING_CODES).map(([code, count]) => ({ code: codeText(tensor.type, code), count })),
    },
  };
}

/** Whether an offset is padding; undefined for layouts without any. */
export function paddingTest(layout: Layout): ((offset: number) => boolean) | undefined {
  const padded = layout.dims.filter(({ size, padded: stored }) => stored > size);
  if (padded.length === 0) return undefined;
  return (offset) => padded.some((dim) => axisIndexAt(dim, offset) >= dim.size);
}

type Counted = Omit<TensorStats, 'elements' | 'padding'>;

interface Counter {
  add(code: number): void;
  result(): Counted;
}

/** Counts every code; everything else follows from that. */
class NarrowCounter implements Counter {
  readonly #type: ElementType;
  readonly #counts: Float64Array;

  constructor(type: ElementType) {
    this.#type = type;
    // 6-bit codes are stored a byte each.
    this.#counts = new Float64Array(2 ** (isIntegerType(type) ? elementBits(type) : formatFacts(type).codeBits));
  }

  add(code: number): void {
    this.#counts[code] = (this.#counts[code] as number) + 1;
  }

  result(): Counted {
    const type = this.#type;
    const flagsAt = flagsOf(type);
    const sums = new Sums();
    for (const [code, count] of this.#counts.entries())
      if (count > 0) sums.add(codeValue(type, code), flagsAt(code), count);
    const different = this.#counts.reduce((all, count) => all + Number(count > 0), 0);
    return { ...sums.result(), different, histogram: this.#histogram() };
  }

  #histogram(): Histogram {
    const type = this.#type;
    if (this.#counts.length <= 256)
      return {
        of: 'code',
        counts: this.#counts,
        label: (code) => `${codeText(type, code)} = ${numberText(codeValue(type, code))}`,
      };
    const shift = isIntegerType(type) ? 256 : 2 ** formatFacts(type).mantissaBits;
    const bars = isIntegerType(type) ? 256 : 2 ** formatFacts(type).exponentBits;
    const counts = new Float64Array(bars);
    for (const [code, count] of this.#counts.entries()) {
      const bar = Math.floor(code / shift) % bars;
      counts[bar] = (counts[bar] as number) + count;
    }
    return wideHistogram(type, counts);
  }
}

/** Counts values one by one; of codes only the exponent or the upper byte. */
class WideCounter implements Counter {
  readonly #type: ElementType;
  readonly #sums = new Sums();
  readonly #counts: Float64Array;
  readonly #flags: (code: number) => number;

  constructor(type: ElementType) {
    this.#type = type;
    this.#flags = flagsOf(type);
    this.#counts = new Float64Array(isIntegerType(type) ? 256 : 2 ** formatFacts(type).exponentBits);
  }

  add(code: number): void {
    const value = codeValue(this.#type, code);
    this.#sums.add(value, this.#flags(code), 1);
    const bar = this.#bar(code, value);
    this.#counts[bar] = (this.#counts[bar] as number) + 1;
  }

  result(): Counted {
    return { ...this.#sums.result(), different: undefined, histogram: wideHistogram(this.#type, this.#counts) };
  }

  #bar(code: number, value: number): number {
    if (this.#type === 'f32') return (code >>> 23) & 255;
    if (this.#type === 'f64') return exponentField64(value);
    const bits = elementBits(this.#type);
    const unsigned = code < 0 ? code + 2 ** bits : code;
    return Math.min(255, Math.floor(unsigned / 2 ** (bits - 8)));
  }
}

function wideHistogram(type: ElementType, counts: Float64Array): Histogram {
  if (isIntegerType(type))
    return { of: 'high byte', counts, label: (bar) => `0x${bar.toString(16).padStart(2, '0')}…` };
  const { bias } = formatFacts(type);
  const top = counts.length - 1;
  return {
    of: 'exponent',
    counts,
    label: (bar) => (bar === 0 ? 'zero and subnormals' : bar === top ? 'infinity and NaN' : `2^${bar - bias}`),
  };
}

function exponentField64(value: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return (view.getUint16(0) >> 4) & 2047;
}

class Sums {
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;
  #sum = 0;
  #finite = 0;
  readonly #flags = new Float64Array(FLAGS.length);

  add(value: number, flags: number, count: number): void {
    for (let at = 0; flags >> at !== 0; at += 1)
      if (((flags >> at) & 1) === 1) this.#flags[at] = (this.#flags[at] as number) + count;
    if ((flags & (FLAG.nan | FLAG.infinity)) !== 0) return;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    this.#sum += value * count;
    this.#finite += count;
  }

  result(): Pick<TensorStats, 'min' | 'max' | 'absmax' | 'mean' | 'flags'> {
    const none = this.#finite === 0;
    const flags = Object.fromEntries(FLAGS.map((id, at) => [id, this.#flags[at] as number]));
    return {
      min: none ? Number.NaN : this.#min,
      max: none ? Number.NaN : this.#max,
      absmax: none ? Number.NaN : Math.max(Math.abs(this.#min), Math.abs(this.#max)),
      mean: none ? Number.NaN : this.#sum / this.#finite,
      flags: flags as TensorStats['flags'],
    };
  }
}

/**
 * The next element with a flag behind an offset, in memory order and from the start again after the end. Yields the share that was
 * looked at, returns the offset or undefined.
 */
export function* findFlagSteps(
  tensor: CodedTensor,
  flag: FlagId,
  after: number,
): Generator<number, number | undefined, void> {
  const flagsAt = flagsOf(tensor.type);
  const isPadding = paddingTest(tensor.layout);
  const size = tensor.layout.storageSize;
  for (let step = 1; step <= size; step += 1) {
    const offset = (after + step) % size;
    if ((flagsAt(tensor.codeAt(offset)) & FLAG[flag]) !== 0 && isPadding?.(offset) !== true) return offset;
    if (step % CHUNK === 0) yield step / size;
  }
  return undefined;
}
