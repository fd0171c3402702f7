import type { DumpComparison, DumpElement } from './compare-dumps.ts';
import type { DumpResult } from './compare-dumps-report.ts';
import { isFailure } from './compare-dumps-report.ts';

/** Three digits, short enough for a table; `-` for what has no meaning. */
export function short(value: number | null): string {
  if (value === null || Number.isNaN(value)) return value === null ? '-' : 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Math.abs(value) >= 1e7 ? value.toExponential(2) : String(Number(value.toPrecision(3)));
}

/** Seven digits: enough to tell float32 apart in a list. */
export function shortValue(value: number): string {
  return Object.is(value, -0) ? '-0' : Number.isFinite(value) ? String(Number(value.toPrecision(7))) : short(value);
}

/** Never rounds up to 100: one wrong element must show. */
export function sharePercent(share: number): string {
  return share === 1 ? '100 %' : `${(Math.floor(share * 10000) / 100).toFixed(2)} %`;
}

/** `512 of 8192 elements differ`, or why nothing was compared. */
export function verdictText(result: DumpResult): string {
  if (isFailure(result)) return result.error;
  const count = result.elements.toLocaleString('en');
  return result.passed
    ? `all ${count} elements hold`
    : `${result.mismatches.toLocaleString('en')} of ${count} elements differ`;
}

/** The numbers of a comparison, a line each: name and text. */
export function numberLines(result: DumpComparison): readonly (readonly [string, string])[] {
  const { nan, infinite, criterion } = result;
  const used = result.used === null ? [] : [[usedName(criterion.kind), `at most ${short(result.used)}`] as const];
  const ulp =
    result.maxUlp === null
      ? []
      : [[`ULP of ${result.ulpFormat}`, `at most ${result.maxUlp}, for 99 % at most ${result.p99Ulp}`] as const];
  const sides = (counts: DumpComparison['nan']): string => `${counts.a} in A, ${counts.b} in B, ${counts.both} in both`;
  return [
    equalLine(result),
    ['error', `at most ${short(result.maxAbs)} absolute, ${short(result.maxRel)} relative`],
    ...used,
    ...ulp,
    [
      'likeness',
      `cosine ${result.cosine.toFixed(6)}, logits_diff ${short(result.logitsDiff)}, NMSE ${short(result.nmse)}, SNR ${short(result.snrDb)} dB`,
    ],
    ['signs', `${result.signFlips} flipped, ${result.zeroSigns} zeros of the other sign`],
    ['NaN', sides(nan)],
    ['infinite', sides(infinite)],
  ];
}

/** Two formats are equal where they are in the narrower one. */
function equalLine({ a, b, equal, ulpFormat }: DumpComparison): readonly [string, string] {
  if (a.type === b.type) return ['equal codes', sharePercent(equal)];
  return ulpFormat === null
    ? ['equal values', sharePercent(equal)]
    : ['equal codes', `${sharePercent(equal)}, both rounded to ${ulpFormat}`];
}

function usedName(kind: DumpComparison['criterion']['kind']): string {
  return kind === 'bound' ? 'of the bound' : 'of tolerance';
}

/** `--rtol 0.5, or --atol 1.2, or --ulp 130`; undefined where it was not asked or passes; a reason where nothing would. */
export function smallestText({ smallest }: DumpComparison): string | undefined {
  if (smallest === undefined) return undefined;
  const parts = [
    ...(smallest.rtol === null ? [] : [`--rtol ${smallest.rtol}`]),
    ...(smallest.atol === null ? [] : [`--atol ${smallest.atol}`]),
    ...(smallest.ulp === null ? [] : [`--ulp ${smallest.ulp}`]),
  ];
  return parts.length === 0
    ? 'no tolerance would pass: one side has NaN or an infinity where the other has not'
    : `would pass with ${parts.join(', or ')}`;
}

/** Cells of a line in the list of the worst elements. */
export function elementCells(element: DumpElement): readonly string[] {
  const { coord, a, b, allowed, ofTolerance, ulp } = element;
  const side = (entry: DumpElement['a']): string => `${shortValue(entry.value)} (${entry.code})`;
  const far = ofTolerance === undefined ? `${short(ulp ?? null)} apart` : `${short(ofTolerance)} x`;
  const range = allowed === undefined ? '' : ` allowed ${shortValue(allowed[0])} to ${shortValue(allowed[1])}`;
  const blame = element.referenceOutsideBound === true ? ', B itself is outside' : '';
  return [`[${coord.join(', ')}]`, side(a), `byte ${a.byte}`, side(b), `byte ${b.byte}`, `${far}${range}${blame}`];
}
