import { type ElementType, elementBits, isIntegerType } from '../../formats/element-type.ts';
import { formatFacts } from '../../formats/facts.ts';
import { codeValue } from '../../formats/read-codes.ts';
import type { Theme } from '../state/theme.ts';
import { commonColors, divergingColor, orderedColor } from './palettes.ts';

/** What a colour says about a code: the number it stands for, or its bits. */
export type CodeMode = 'value' | 'code';

/** Exponents shown apart for formats of a wide range; e8m0 is compressed instead. */
const LOWEST = -20;
const HIGHEST = 16;
/** Share of the colour range below the smallest non-zero value, so that it is not taken for zero. */
const STEP_FROM_ZERO = 0.16;
/** Exponent of an e8m0 scale at which half of the colour range is used. */
const HALF_EXPONENT = 8;

/**
 * Place of a value on the diverging scale, -1 to 1, by its logarithm, so that the codes of fp4, fp8 and bf16 are all told apart: 0 is
 * zero, 1 the format's largest value or 2^16. An e8m0 scale is 0 where it is 1, negative where it makes values smaller.
 */
export function valuePlace(type: ElementType, value: number): number {
  if (type === 'e8m0') {
    const exponent = Math.log2(value);
    return exponent / (Math.abs(exponent) + HALF_EXPONENT);
  }
  if (value === 0) return 0;
  const { least, most } = exponents(type);
  const exponent = Math.log2(Math.abs(value));
  const part = Math.min(1, Math.max(0, (exponent - least) / (most - least)));
  return Math.sign(value) * (STEP_FROM_ZERO + (1 - STEP_FROM_ZERO) * part);
}

function exponents(type: ElementType): { readonly least: number; readonly most: number } {
  if (isIntegerType(type)) return { least: 0, most: Math.min(32, elementBits(type)) };
  const { minSubnormal, max } = formatFacts(type);
  return { least: Math.max(LOWEST, Math.log2(minSubnormal)), most: Math.min(HIGHEST, Math.log2(max)) };
}

/** Colours of codes, computed once for each code of a narrow type. */
export function codeColors(type: ElementType, mode: CodeMode, theme: Theme): (code: number) => number {
  const compute = (code: number): number => colorOfCode(type, code, mode, theme);
  const bits = elementBits(type);
  if (bits > 16) return compute;
  // No colour is 0, so 0 stands for one that is not known yet.
  const table = new Uint32Array(2 ** bits);
  return (code) => {
    const known = table[code] as number;
    if (known !== 0) return known;
    const color = compute(code);
    table[code] = color;
    return color;
  };
}

/** The colour of one code; NaN is marked in both modes. */
export function colorOfCode(type: ElementType, code: number, mode: CodeMode, theme: Theme): number {
  const value = valueOfCode(type, code);
  if (Number.isNaN(value)) return commonColors(theme).nan;
  if (mode === 'value') return divergingColor(valuePlace(type, value), theme);
  return orderedColor(codePlace(type, code), theme);
}

/** Place of a code among all, 0 to 1: by its upper 8 bits. */
function codePlace(type: ElementType, code: number): number {
  const bits = Math.min(32, elementBits(type));
  const top = Math.min(8, bits);
  return Math.floor((code % 2 ** bits) / 2 ** (bits - top)) / (2 ** top - 1);
}

/** The value of a code; NaN for bytes of a file that are no code of the type. */
export function valueOfCode(type: ElementType, code: number): number {
  if (!isIntegerType(type) && type !== 'f64' && code >= 2 ** formatFacts(type).codeBits) return Number.NaN;
  return codeValue(type, code);
}
