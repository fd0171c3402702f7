import { decode, type NarrowFormatName } from '../../formats/decode.ts';
import { f32Bits, f32FromBits } from '../../formats/f32.ts';
import { type FloatFormatName, formatFacts } from '../../formats/facts.ts';
import { ceilToUe8m0, packUe8m0, unpackUe8m0 } from '../../formats/mx-scale.ts';
import { unpackNibbles } from '../../formats/pack.ts';
import { codeText, numberText } from '../../tensor/describe-element.ts';
import type { BitPanelId } from './incident-scene.ts';

/** Part of a code: what its bits stand for under a reading. */
export interface BitField {
  readonly kind: 'sign' | 'exponent' | 'mantissa' | 'dropped';
  readonly label: string;
  /** Most significant first. */
  readonly bits: string;
}

/** Bits as one side understands them. */
export interface BitReading {
  /** `e4m3fn 0x38`. */
  readonly code: string;
  readonly fields: readonly BitField[];
  /** What they stand for: `1`. */
  readonly value: string;
}

/** The same bits, as they were written and as they are read. */
export interface BitSample {
  readonly written: BitReading;
  readonly read: BitReading;
  /** Read value by written value: `× 0.5`. */
  readonly factor: string;
}

export interface BitPanel {
  /** What both sides do with the bits, in one sentence. */
  readonly text: string;
  readonly samples: readonly BitSample[];
}

/** Sample codes of a value misreading, computed by the formats. */
export function bitPanel(id: BitPanelId): BitPanel {
  return PANELS[id]();
}

const PANELS: Readonly<Record<BitPanelId, () => BitPanel>> = {
  'scale-dropped': () => ({
    text: 'The bits of the code are read rightly; the scale that belongs to them is taken for 1.',
    samples: (
      [
        [0x38, 0.0123],
        [0x7e, 0.00372],
        [0xb4, 0.25],
        [0x21, 0.0868],
      ] as const
    ).map(([code, scale]) => {
      const stored = Math.fround(scale);
      const value = decode('e4m3fn', code);
      const reading = readingOf('e4m3fn', code);
      return {
        written: { ...reading, value: `${reading.value} × ${numberText(stored)} = ${numberText(value * stored)}` },
        read: { ...reading, value: `${reading.value} × 1 = ${reading.value}` },
        factor: factorText(value * stored, value),
      };
    }),
  }),
  'scale-truncated': () => ({
    text: 'The eight exponent bits of the float32 are the e8m0 code; the mantissa behind them is lost.',
    samples: SCALES.map((scale) => {
      const bits = f32Bits(scale);
      const exponent = (bits >>> 23) & 255;
      const value = decode('e8m0', exponent);
      return {
        written: readingOf('f32', bits),
        read: {
          code: codeOf('e8m0', exponent),
          fields: fieldsOf('f32', bits).map((field) => (field.kind === 'exponent' ? field : dropped(field))),
          value: numberText(value),
        },
        factor: factorText(f32FromBits(bits), value),
      };
    }),
  }),
  'scale-ceiled': () => ({
    text: 'The exponent is rounded up unless the mantissa is 0, and nothing divides the codes by the new scale.',
    samples: SCALES.map((scale) => {
      const written = Math.fround(scale);
      const ceiled = ceilToUe8m0(written);
      return {
        written: readingOf('f32', f32Bits(written)),
        read: readingOf('f32', f32Bits(ceiled)),
        factor: factorText(written, ceiled),
      };
    }),
  }),
  'float-as-exponents': () => ({
    text: 'Each byte of the float32 is taken for the exponent of a group of its own, the lowest byte for the first.',
    samples: SCALES.map((scale) => {
      const bits = f32Bits(scale);
      const groups = [...unpackUe8m0(Int32Array.of(bits | 0))];
      return {
        written: readingOf('f32', bits),
        read: { code: 'four e8m0', fields: exponentFields(bits), value: groups.map(numberText).join(', ') },
        factor: groups.map((value) => factorText(f32FromBits(bits), value)).join(', '),
      };
    }),
  }),
  'exponents-as-float': () => ({
    text: 'The exponent of the fourth group decides almost alone what the float32 is; a missing one is 0.',
    samples: [
      [2 ** -6, 2 ** -7, 2 ** -6, 2 ** -7],
      [2 ** -9, 2 ** -9, 2 ** -9, 2 ** -9],
      [1, 1, 1, 1],
      [2 ** -6, 2 ** -7, 2 ** -6, 0],
    ].map((groups) => {
      const word = (packUe8m0(Float32Array.from(groups))[0] as number) >>> 0;
      const value = f32FromBits(word);
      return {
        written: { code: 'four e8m0', fields: exponentFields(word), value: groups.map(numberText).join(', ') },
        read: readingOf('f32', word),
        factor: factorText(groups[0] as number, value),
      };
    }),
  }),
  'fn-as-fnuz': () => ({
    text: 'Both formats have a sign, four exponent and three mantissa bits; the exponent of e4m3fnuz counts from 8 where that of e4m3fn counts from 7.',
    samples: [0x38, 0x7e, 0xb1, 0x01, 0x80, 0x7f].map((code) => ({
      written: readingOf('e4m3fn', code),
      read: readingOf('e4m3fnuz', code),
      factor: factorText(decode('e4m3fn', code), decode('e4m3fnuz', code)),
    })),
  }),
  'nibbles-swapped': () => ({
    text: 'Two e2m1 codes share a byte; the writer puts the even element into the low nibble, the reader takes it from the high one.',
    samples: [0x2a, 0x71, 0x19, 0x05].map((byte) => {
      const [low = 0, high = 0] = unpackNibbles(Uint8Array.of(byte));
      const side = (even: number, odd: number, first: string, second: string): BitReading => ({
        code: codeText('u8', byte),
        fields: [...nibbleFields(high, first), ...nibbleFields(low, second)],
        value: `even ${numberText(decode('e2m1', even))}, odd ${numberText(decode('e2m1', odd))}`,
      });
      return {
        written: side(low, high, 'odd', 'even'),
        read: side(high, low, 'even', 'odd'),
        factor: factorText(decode('e2m1', low), decode('e2m1', high)),
      };
    }),
  }),
};

/** Scales as checkpoints have them: amax / 448 of blocks of 128 x 128. */
const SCALES: readonly number[] = [0.000244, 0.000381, 0.00049, 0.5].map(Math.fround);

function readingOf(format: FloatFormatName, code: number): BitReading {
  return {
    code: codeOf(format, code),
    fields: fieldsOf(format, code),
    value: valueText(format === 'f32' ? f32FromBits(code) : decode(format as NarrowFormatName, code)),
  };
}

function codeOf(format: FloatFormatName, code: number): string {
  return `${format} ${codeText(format, code)}`;
}

/** Sign, exponent and mantissa of a code. */
export function fieldsOf(format: FloatFormatName, code: number): readonly BitField[] {
  const { codeBits, exponentBits, mantissaBits, signed } = formatFacts(format);
  const bits = (code >>> 0).toString(2).padStart(codeBits, '0');
  const sign = signed ? 1 : 0;
  const fields: readonly BitField[] = [
    { kind: 'sign', label: 'sign', bits: bits.slice(0, sign) },
    { kind: 'exponent', label: 'exponent', bits: bits.slice(sign, sign + exponentBits) },
    { kind: 'mantissa', label: 'mantissa', bits: bits.slice(codeBits - mantissaBits) },
  ];
  return fields.filter((field) => field.bits !== '');
}

function dropped(field: BitField): BitField {
  return { ...field, kind: 'dropped', label: field.kind === 'sign' ? '' : 'dropped' };
}

/** Four exponents of a word, the highest byte first. */
function exponentFields(word: number): readonly BitField[] {
  return [3, 2, 1, 0].map((group) => ({
    kind: 'exponent',
    label: `group ${group}`,
    bits: ((word >>> (8 * group)) & 255).toString(2).padStart(8, '0'),
  }));
}

function nibbleFields(code: number, element: string): readonly BitField[] {
  return fieldsOf('e2m1', code).map((field) => ({ ...field, label: field.kind === 'exponent' ? element : '' }));
}

function valueText(value: number): string {
  return Object.is(value, -0) ? '-0' : numberText(value);
}

function factorText(written: number, read: number): string {
  const factor = read / written;
  return written === 0 || Number.isNaN(factor) ? '–' : `× ${numberText(factor)}`;
}
