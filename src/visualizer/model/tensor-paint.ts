import { elementBits } from '../../formats/element-type.ts';
import { codeValue } from '../../formats/read-codes.ts';
import type { CodedTensor } from '../../tensor/describe-element.ts';
import { codeText, numberText, scaleCoord } from '../../tensor/describe-element.ts';
import type { Theme } from '../state/theme.ts';
import { type ColorLegend, colorLegend, markEntries } from './color-legend.ts';
import { makePaint } from './colors.ts';
import type { Paint } from './grid.ts';
import { commonColors, orderedColor } from './palettes.ts';
import type { Subject } from './subject.ts';
import { paddingTest } from './tensor-stats.ts';

/** Cells with code, value, and, where there is a scale, scale and dequantised value in place of the address. */
export function tensorPaint({ tensor, scale }: Subject, base: Paint): Paint {
  if (scale === undefined) return base;
  const { layout, type } = tensor;
  return {
    fill: (keys, count, out) => base.fill(keys, count, out),
    text(key) {
      const coord = layout.coord(key);
      if (coord === undefined) return base.text(key);
      const code = tensor.codeAt(key);
      const value = codeValue(type, code);
      const scales = scale.tensor;
      const scaleValue = codeValue(
        scales.type,
        scales.codeAt(scales.layout.offset(scaleCoord(scale, layout.shape, coord))),
      );
      return [
        codeText(type, code),
        numberText(value),
        `× ${numberText(scaleValue)}`,
        `= ${numberText(value * scaleValue)}`,
      ];
    },
  };
}

/** Magnitudes between which colours are spread, as powers of two. */
export interface DataRange {
  readonly low: number;
  readonly high: number;
}

const SAMPLES = 4096;
/** Share of the elements beyond either end of the colours. */
const BEYOND = 0.02;
/** Least distance of the ends, so that equal values look equal. */
const NARROWEST = 0.5;

/** Where the magnitudes of a tensor's elements lie, from a sample; undefined when none is finite and other than zero. */
export function dataRange(tensor: CodedTensor): DataRange | undefined {
  const { layout, type } = tensor;
  const isPadding = paddingTest(layout);
  const step = Math.max(1, layout.storageSize / SAMPLES);
  const logs: number[] = [];
  for (let at = 0; at < layout.storageSize; at += step) {
    const offset = Math.floor(at);
    if (isPadding?.(offset) === true) continue;
    const log = Math.log2(Math.abs(codeValue(type, tensor.codeAt(offset))));
    if (Number.isFinite(log)) logs.push(log);
  }
  if (logs.length === 0) return undefined;
  logs.sort((a, b) => a - b);
  const low = logs[Math.floor(logs.length * BEYOND)] as number;
  const high = logs[Math.ceil(logs.length * (1 - BEYOND)) - 1] as number;
  const slack = Math.max(0, NARROWEST - (high - low)) / 2;
  return { low: low - slack, high: high + slack };
}

/** Colours by magnitude over the range of the data, so that rows and columns of different size show in any type. */
export function rangePaint(subject: Subject, theme: Theme): Paint {
  const base = makePaint(subject, 'value', theme);
  const { tensor } = subject;
  const range = dataRange(tensor);
  if (range === undefined) return base;
  const isPadding = paddingTest(tensor.layout);
  const { nan, padding } = commonColors(theme);
  const compute = (code: number): number => {
    const value = codeValue(tensor.type, code);
    if (Number.isNaN(value)) return nan;
    const place = (Math.log2(Math.abs(value)) - range.low) / (range.high - range.low);
    return orderedColor(Math.min(1, Math.max(0, place)), theme);
  };
  const bits = elementBits(tensor.type);
  const table = bits > 16 ? undefined : Uint32Array.from({ length: 2 ** bits }, () => 0);
  // No colour is 0, so 0 stands for one that is not known yet.
  const colorOf = (code: number): number => {
    if (table === undefined) return compute(code);
    const known = table[code] as number;
    if (known !== 0) return known;
    table[code] = compute(code);
    return table[code] as number;
  };
  return {
    fill(keys, count, out) {
      for (let at = 0; at < count; at += 1) {
        const key = keys[at] as number;
        out[at] = isPadding?.(key) === true ? padding : colorOf(tensor.codeAt(key));
      }
    },
    text: base.text,
  };
}

const LEGEND_STEPS = 64;

/** What the colours of `rangePaint` mean. */
export function rangeLegend(subject: Subject, theme: Theme): ColorLegend {
  const range = dataRange(subject.tensor);
  if (range === undefined) return colorLegend(subject, 'value', theme);
  const end = (log: number): string => numberText(Number((2 ** log).toPrecision(3)));
  return {
    title: 'Magnitude',
    ramp: {
      colors: Array.from({ length: LEGEND_STEPS + 1 }, (_, at) => orderedColor(at / LEGEND_STEPS, theme)),
      low: end(range.low),
      high: end(range.high),
    },
    entries: markEntries(subject, 'value', theme),
    note: 'logarithmic',
  };
}
