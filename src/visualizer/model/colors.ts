import { elementBits } from '../../formats/element-type.ts';
import { codeText, numberText } from '../../tensor/describe-element.ts';
import type { Theme } from '../state/theme.ts';
import {
  bankClasses,
  type Classes,
  expertClasses,
  lineClasses,
  registerClasses,
  scaleClasses,
  tileClasses,
} from './color-classes.ts';
import { codeColors, valueOfCode } from './color-values.ts';
import { coordReader, isPadding } from './coord-reader.ts';
import type { Paint } from './grid.ts';
import { classPalette, commonColors, cyclicPalette, orderedColor, orderedPalette } from './palettes.ts';
import type { ColorId } from './scene.ts';
import type { Subject } from './subject.ts';

/** Steps of the line mode from the first line of the storage to the last. */
export const LINE_STEPS = 96;

/** How much lighter odd lines are. */
const ODD_LINE = 0.07;

/** The look of a subject's elements. Padding is hatched in every mode. */
export function makePaint(subject: Subject, color: ColorId, theme: Theme): Paint {
  const fill =
    color === 'value' || color === 'code' ? codeFill(subject, color, theme) : classFill(subject, color, theme);
  const { layout } = subject.tensor;
  const { padding } = commonColors(theme);
  const reader = coordReader(layout);
  const pads = reader.padded.length > 0;
  return {
    fill(keys, count, out) {
      fill(keys, count, out);
      if (!pads) return;
      for (let at = 0; at < count; at += 1) if (isPadding(reader, keys[at] as number)) out[at] = padding;
    },
    text: cellText(subject),
  };
}

/** The classes of a mode, and the colour of each. A class beyond the palette has the colour of elements without one. */
export function classesOf(
  subject: Subject,
  color: Exclude<ColorId, 'value' | 'code'>,
  theme: Theme,
): { readonly classes: Classes; readonly palette: Uint32Array } {
  const { layout } = subject.tensor;
  switch (color) {
    case 'lane': {
      const classes = registerClasses(subject, 'lane');
      return { classes, palette: cyclicPalette(classes.count, theme) };
    }
    case 'vgpr': {
      const classes = registerClasses(subject, 'vgpr');
      return { classes, palette: orderedPalette(classes.count, theme) };
    }
    case 'line':
      return { classes: lineClasses(layout.storageSize, subject.bits, LINE_STEPS), palette: linePalette(theme) };
    case 'bank': {
      const classes = bankClasses(subject.bits);
      return { classes, palette: cyclicPalette(classes.count, theme) };
    }
    case 'tile':
      return { classes: tileClasses(subject), palette: classPalette(theme) };
    case 'scale':
      return withPalette(scaleClasses(subject), theme);
    case 'expert':
      return withPalette(expertClasses(layout), theme);
  }
}

function withPalette(classes: Classes, theme: Theme): { classes: Classes; palette: Uint32Array } {
  return { classes, palette: classes.count === 0 ? new Uint32Array(0) : classPalette(theme) };
}

function linePalette(theme: Theme): Uint32Array {
  return Uint32Array.from({ length: 2 * LINE_STEPS }, (_, index) => {
    const at = Math.floor(index / 2) / (LINE_STEPS - 1);
    return orderedColor(at, theme, index % 2 === 0 ? 0 : ODD_LINE);
  });
}

type Fill = Paint['fill'];

function classFill(subject: Subject, color: Exclude<ColorId, 'value' | 'code'>, theme: Theme): Fill {
  const { classes, palette } = classesOf(subject, color, theme);
  const colors = new Uint32Array(palette.length + 1);
  colors.set(palette);
  colors[palette.length] = commonColors(theme).none;
  return (keys, count, out) => {
    classes.read(keys, count, out);
    for (let at = 0; at < count; at += 1) out[at] = colors[out[at] as number] as number;
  };
}

function codeFill({ tensor }: Subject, mode: 'value' | 'code', theme: Theme): Fill {
  const colorOf = codeColors(tensor.type, mode, theme);
  return (keys, count, out) => {
    for (let at = 0; at < count; at += 1) out[at] = colorOf(tensor.codeAt(keys[at] as number));
  };
}

/** Code, value, byte and coordinate of an element. */
function cellText({ tensor, bits }: Subject): (key: number) => readonly string[] {
  const { layout, type } = tensor;
  const reader = coordReader(layout);
  const narrow = elementBits(type) <= 16;
  const known = new Map<number, readonly [string, string]>();
  const textsOf = (code: number): readonly [string, string] => {
    const found = known.get(code);
    if (found !== undefined) return found;
    const texts = [codeText(type, code), numberText(valueOfCode(type, code))] as const;
    if (narrow) known.set(code, texts);
    return texts;
  };
  return (key) => {
    const bit = key * bits;
    const half = bits < 8 ? (bit % 8 === 0 ? ' lo' : ' hi') : '';
    const address = `0x${Math.floor(bit / 8).toString(16)}${half}`;
    if (isPadding(reader, key)) return ['pad', '', address];
    const [code, value] = textsOf(tensor.codeAt(key));
    return [code, value, address, reader.axes.map((axis) => axis.at(key)).join(',')];
  };
}
