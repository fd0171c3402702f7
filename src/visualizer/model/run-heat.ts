import { rowMajor, unravel } from '../../layout/index.ts';
import { codeText } from '../../tensor/describe-element.ts';
import { crossed } from '../render/marks.ts';
import type { Theme } from '../state/theme.ts';
import type { Grid, Paint } from './grid.ts';
import { logicalGrid } from './grids/index.ts';
import { divergingColor } from './palettes.ts';
import type { OutputReport } from './run-messages.ts';
import { outputValue, valueText } from './run-text.ts';

/** What a cell can say, best first. From the third on it is a mismatch. */
export const HEAT: readonly string[] = [
  'same bits',
  'other bits, allowed',
  'wrong by less than 16 ulp',
  'wrong by more',
  'wrong, no distance',
];

const FIRST_WRONG = 2;
const AT: readonly number[] = [0, -0.5, 0.35, 1, 0.7];

/** @returns index of a class of `HEAT` */
export function heatClass(ulp: number, isWrong: boolean): number {
  if (!isWrong) return ulp === 0 ? 0 : 1;
  if (ulp < 0) return 4;
  return ulp < 16 ? FIRST_WRONG : 3;
}

/** Colours of the classes; mismatches are crossed, so that they show without colour. */
export function heatColors(theme: Theme): readonly number[] {
  return AT.map((at, index) => (index < FIRST_WRONG ? divergingColor(at, theme) : crossed(divergingColor(at, theme))));
}

/** An output as a matrix, in logical order: keys are row-major element numbers. */
export function heatGrid({ shape, dims }: Pick<OutputReport, 'shape' | 'dims'>): Grid {
  const leading = shape.slice(0, -1);
  return {
    ...logicalGrid(rowMajor(shape)),
    rowLabel: (row) =>
      unravel(row, leading)
        .map((at, axis) => `${dims[axis]}=${at}`)
        .join(' '),
    columnLabel: (column) => `${dims.at(-1)}=${column}`,
  };
}

/** How far CPU and GPU are apart, cell by cell. */
export function heatPaint({ type, ulps, wrong, expected, actual }: OutputReport, theme: Theme): Paint {
  const colors = heatColors(theme);
  return {
    fill(keys, count, out) {
      for (let at = 0; at < count; at += 1) {
        const key = keys[at] as number;
        out[at] = colors[heatClass(ulps?.[key] ?? 0, wrong?.[key] === 1)] as number;
      }
    },
    text(key) {
      const [want, got] = [expected[key] ?? 0, actual?.[key] ?? 0];
      const lines = [valueText(outputValue(type, got)), codeText(type, got)];
      return want === got ? lines : [...lines, `≠ ${valueText(outputValue(type, want))}`];
    },
  };
}
