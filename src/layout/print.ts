import type { LayoutDim } from './dim.ts';

/** The notation of a bound layout, every size explicit; `parseLayout` reads it back. */
export function printLayout(dims: readonly LayoutDim[], order: readonly string[]): string {
  return `${dims.map(printDim).join(' ')} -> ${order.join(' ')}`;
}

function printDim({ name, size, padded, factors }: LayoutDim): string {
  const digits = factors.map((factor) => `${factor.name}:${factor.size}`).join(' ');
  return `${name}=(${digits}${padded === size ? '' : ` | size ${size}`})`;
}
