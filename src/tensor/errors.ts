import { PreshuffleError } from '../errors.ts';
import type { Layout } from '../layout/layout.ts';

/**
 * A tensor is stored in one layout and the reader expects another. This is the mistake that raises no error anywhere
 * else: shapes and byte counts agree, the numbers are garbage.
 */
export class LayoutMismatchError extends PreshuffleError {
  readonly where: string;
  readonly tensor: string;
  readonly given: Layout;
  /** Ids of the layouts that would have been read correctly. */
  readonly expected: readonly string[];
  /** The conversion that mends it. */
  readonly remedy: string;

  /** @param problem what is wrong, where it is not that the tensor is stored in an order that this op does not read */
  constructor(
    where: string,
    tensor: string,
    given: Layout,
    expected: readonly string[],
    remedy: string,
    problem: string = `but this op reads ${expected.join(' or ')}.`,
  ) {
    super(
      'layout-mismatch',
      `${where}: tensor "${tensor}" is stored as ${given.id} [${given.shape.join(', ')}], ${problem} ${remedy}`,
    );
    this.where = where;
    this.tensor = tensor;
    this.given = given;
    this.expected = expected;
    this.remedy = remedy;
  }
}
