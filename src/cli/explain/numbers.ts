import { InvalidArgumentError } from 'commander';

/** An option that is a positive integer. */
export function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value === 0) throw new InvalidArgumentError('Expected a positive integer.');
  return value;
}

/** An option that is 0 or a positive integer. */
export function index(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Expected 0 or a positive integer.');
  return Number(text);
}

/** An option that is a number, not negative. */
export function amount(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0)) throw new InvalidArgumentError('Expected a number that is not negative.');
  return value;
}
