/** `1 row`, `5 rows`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** A share in percent: `all`, `99.8 %`, `0.02 %`; never rounded to all or nothing. */
export function percent(part: number, of: number): string {
  if (part === of) return '100 %';
  const share = (100 * part) / of;
  if (share >= 99.95) return 'over 99.9 %';
  if (share > 0 && share < 0.05) return 'under 0.1 %';
  return `${Number(share.toFixed(1))} %`;
}

/** A number as an engineer reads it: powers of two as such, others with four digits. */
export function figure(value: number): string {
  const exponent = Math.log2(Math.abs(value));
  if (Number.isInteger(exponent) && Math.abs(exponent) > 3) return `${value < 0 ? '-' : ''}2^${exponent}`;
  return Number.isInteger(value) && Math.abs(value) < 1e6 ? String(value) : String(Number(value.toPrecision(4)));
}

/** `a`, `a and b`, `a, b and c`. */
export function joined(parts: readonly string[]): string {
  return parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

/** The first of a list, with dots for the rest. */
export function some(parts: readonly (string | number)[], limit = 6): string {
  return parts.length <= limit ? parts.join(', ') : `${parts.slice(0, limit).join(', ')}, …`;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
