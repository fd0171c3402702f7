import { ParameterError } from '../errors.ts';

/** @throws ParameterError of the function `where` unless the value is a positive integer */
export function requireCount(where: string, name: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new ParameterError(where, name, `is ${value}, expected a positive integer.`);
}

/** @throws ParameterError of the function `where` unless the value is one of those allowed */
export function oneOf<T extends string>(where: string, name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw new ParameterError(where, name, `is "${value}", expected one of ${allowed.join(', ')}.`);
}
