import { numberText } from '../../tensor/describe-element.ts';
import type { ReportElement, ReportMap, ReportValue } from './golden-map-json.ts';
import type { ReportMetrics, ReportTensor } from './golden-report.ts';

/** A number of a report for a table: three digits, or `∞` and `NaN` for what JSON has as null. */
export function decimals(value: number | null): string {
  if (value === null) return '∞';
  if (value !== 0 && (Math.abs(value) < 0.001 || Math.abs(value) >= 1e6)) return value.toExponential(2);
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** Share of equal codes, `99.99 %`; never rounded up to 100 %. */
export function equalText(equal: number | null): string {
  return equal === null ? '' : `${Math.floor(equal * 10_000) / 100} %`;
}

/** `0x3f80 = 1`; a value that JSON cannot hold is not named, its code says which it is. */
export function valueText({ code, value }: ReportValue): string {
  if (value === null) return `${code} (no finite value)`;
  // A 64-bit code is the value itself.
  return code.startsWith('0x') ? `${code} = ${numberText(value)}` : numberText(value);
}

/** `-1.25 … 1`, `1` where only one value is allowed. */
export function allowedText({ allowed }: Pick<ReportElement, 'allowed'>): string {
  if (allowed === undefined) return 'the same code';
  const [low, high] = allowed.map((value) => (value === null ? 'not finite' : numberText(value)));
  return low === high ? `${low}` : `${low} … ${high}`;
}

/** `n=17 k=40`; `padding` for elements without a place. */
export function coordText(dims: ReportMap['dims'], coord: readonly number[] | undefined): string {
  if (coord === undefined) return 'padding';
  return coord.map((index, axis) => `${dims[axis]?.name}=${index}`).join(' ');
}

/** `0x1_2a40`: bytes in groups of four digits. */
export function byteText(byte: number): string {
  return `0x${byte.toString(16).replace(/\B(?=([0-9a-f]{4})+$)/g, '_')}`;
}

/**
 * The share of the allowed error that was needed. JSON has `null` for an exact comparison and for an infinite share; the worst
 * elements tell which.
 */
export function boundText({ boundUsed }: ReportMetrics, tensors: readonly ReportTensor[]): string {
  if (boundUsed !== null) return decimals(boundUsed);
  const isBound = tensors.some(({ map }) => map?.worst.some(({ measure }) => measure === 'ofBound'));
  return isBound ? '∞' : 'exact';
}

/** The largest distance in a case; empty when some tensor has none, as where a NaN was expected or came. */
export function ulpText({ maxUlp }: ReportMetrics, tensors: readonly ReportTensor[]): string {
  const isOpen = tensors.some((tensor) => tensor.mismatches > 0 && tensor.maxUlp === null);
  return maxUlp === null || isOpen ? '' : String(maxUlp);
}
