import { type LayoutDim, mergedFactors } from './dim.ts';

/**
 * Prints a layout as CuTe does, `((16,3),(16,8)):((16,4096),(1,256))`: one mode for each dimension, digits innermost
 * first (CuTe is colexicographic). Padding shows as digits beyond the logical size.
 */
export function cuteForm(dims: readonly LayoutDim[]): string {
  const modes = dims.map((dim) => {
    const digits = mergedFactors(dim).toReversed();
    return digits.length === 0 ? [{ size: 1, stride: 0 }] : digits;
  });
  const print = (pick: 'size' | 'stride'): string =>
    `(${modes.map((digits) => (digits.length === 1 ? String(digits[0]?.[pick]) : `(${digits.map((digit) => digit[pick]).join(',')})`)).join(',')})`;
  return `${print('size')}:${print('stride')}`;
}
