import { Layout } from './layout.ts';

/** The last dimension is contiguous, as in C and torch. */
export function rowMajor(shape: readonly number[], names?: readonly string[]): Layout<'row-major'> {
  const digits = shape.map((size, axis) => ({ name: names?.[axis] ?? `d${axis}`, size }));
  return new Layout({
    id: 'row-major',
    dims: digits.map((digit) => ({ ...digit, factors: [digit] })),
    order: digits.map(({ name }) => name),
  });
}

/** The first dimension is contiguous, as in Fortran and BLAS. */
export function columnMajor(shape: readonly number[], names?: readonly string[]): Layout<'column-major'> {
  const { dims, order } = rowMajor(shape, names);
  return new Layout({ id: 'column-major', dims, order: order.toReversed() });
}
