import { isIntegerType } from '../../formats/element-type.ts';
import { formatFacts } from '../../formats/facts.ts';
import { numberText } from '../../tensor/describe-element.ts';
import type { Theme } from '../state/theme.ts';
import { tileOf } from './color-classes.ts';
import { valuePlace } from './color-values.ts';
import { classesOf } from './colors.ts';
import { commonColors, divergingColor, orderedColor } from './palettes.ts';
import type { ColorId } from './scene.ts';
import type { Subject } from './subject.ts';

/** A colour and what it stands for. */
export interface LegendEntry {
  readonly label: string;
  /** Packed, with its mark; see Paint. */
  readonly color: number;
}

/** What the colours of a mode mean. */
export interface ColorLegend {
  readonly title: string;
  /** Colours of an order, from `low` to `high`; few are shown side by side, more as a band. */
  readonly ramp?: {
    readonly colors: readonly number[];
    readonly low: string;
    readonly middle?: string;
    readonly high: string;
  };
  readonly entries: readonly LegendEntry[];
  /** Beside the colours, where they need words. */
  readonly note?: string;
}

const RAMP_STEPS = 64;

/** The legend of a mode for a subject: names its classes, and padding and NaN where it has them. */
export function colorLegend(subject: Subject, color: ColorId, theme: Theme): ColorLegend {
  const legend = modeLegend(subject, color, theme);
  return { ...legend, entries: [...legend.entries, ...markEntries(subject, color, theme)] };
}

function modeLegend(subject: Subject, color: ColorId, theme: Theme): ColorLegend {
  if (color === 'value') return valueLegend(subject, theme);
  if (color === 'code') {
    const digits = Math.min(2, subject.bits / 4);
    const colors = steps((at) => orderedColor(at, theme));
    const isWide = subject.bits > 8;
    return {
      title: isWide ? 'Upper 8 bits of the code' : 'Code',
      ramp: { colors, low: `0x${'0'.repeat(digits)}`, high: `0x${'f'.repeat(digits)}` },
      entries: [],
    };
  }
  const { classes, palette } = classesOf(subject, color, theme);
  const none = { label: absence(color), color: commonColors(theme).none };
  if (classes.count === 0) return { title: TITLES[color], entries: [none] };
  if (color === 'lane' || color === 'bank')
    return {
      title: TITLES[color],
      ramp: { colors: [...palette], low: '0', high: String(classes.count - 1) },
      entries: [],
    };
  if (color === 'vgpr')
    return { title: TITLES[color], entries: [...palette].map((entry, at) => ({ label: `v${at}`, color: entry })) };
  if (color === 'line')
    return {
      title: TITLES[color],
      ramp: { colors: [...palette].filter((_, at) => at % 2 === 0), low: 'first', high: 'last' },
      entries: [],
      note: 'odd lines are lighter',
    };
  return {
    title: TITLES[color],
    entries: [],
    note: note(subject, color),
    ramp: { colors: [...palette], low: '', high: '' },
  };
}

const TITLES: Readonly<Record<Exclude<ColorId, 'value' | 'code'>, string>> = {
  lane: 'Lane',
  vgpr: 'Register',
  line: '16-byte line',
  tile: 'Tile',
  bank: 'LDS bank',
  scale: 'Scale block',
  expert: 'Expert',
};

function absence(color: ColorId): string {
  return color === 'scale' ? 'no scales chosen' : color === 'expert' ? 'one expert' : 'none';
}

function note(subject: Subject, color: ColorId): string {
  if (color === 'scale') {
    const block = subject.scale?.block.slice(-2).join('x') ?? '';
    return `blocks of ${block} side by side differ`;
  }
  if (color === 'expert') return 'experts 0 to 7, then again';
  const tile = tileOf(subject);
  if (tile.by === 'load') return 'loads of a wave, one after the other, differ';
  return `${tile.rows}x${tile.columns} tiles of the ${tile.by} side by side differ`;
}

function valueLegend({ tensor: { type } }: Subject, theme: Theme): ColorLegend {
  if (type === 'e8m0') {
    // The scale has no end; these are far enough out.
    const [low, high] = [2 ** -32, 2 ** 32];
    const at = (value: number): number => valuePlace(type, value);
    return {
      title: 'Value',
      ramp: {
        colors: steps((part) => divergingColor(at(low) + part * (at(high) - at(low)), theme)),
        low: numberText(low),
        middle: '1',
        high: numberText(high),
      },
      entries: [],
    };
  }
  const most = isIntegerType(type) ? 2 ** Math.min(32, 8) : Math.min(2 ** 16, formatFacts(type).max);
  return {
    title: 'Value',
    ramp: {
      colors: steps((part) => divergingColor(2 * part - 1, theme)),
      low: `-${numberText(most)}`,
      middle: '0',
      high: numberText(most),
    },
    entries: [],
    note: 'by magnitude, logarithmic',
  };
}

function steps(colorOf: (at: number) => number): readonly number[] {
  return Array.from({ length: RAMP_STEPS + 1 }, (_, index) => colorOf(index / RAMP_STEPS));
}

/** Marks that a mode has beside its colours: NaN and padding. */
export function markEntries({ tensor }: Subject, color: ColorId, theme: Theme): readonly LegendEntry[] {
  const { padding, nan } = commonColors(theme);
  const entries: LegendEntry[] = [];
  const showsCodes = color === 'value' || color === 'code';
  if (showsCodes && !isIntegerType(tensor.type) && formatFacts(tensor.type).hasNaN)
    entries.push({ label: 'NaN', color: nan });
  if (tensor.layout.storageSize > tensor.layout.size) entries.push({ label: 'padding', color: padding });
  return entries;
}
