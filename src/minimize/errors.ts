import { PreshuffleError } from '../errors.ts';

/** An op whose calls cannot be made smaller. */
export class NoAxesError extends PreshuffleError {
  constructor(op: string, known: readonly string[]) {
    super(
      'minimize',
      `minimize: op "${op}" has no steps that make its calls smaller. Ops that have: ${known.join(', ')}.`,
    );
  }
}

/** The call that was to be made smaller does not fail. */
export class DoesNotFailError extends PreshuffleError {
  constructor(message: string) {
    super('does-not-fail', message);
  }
}

/** A kernel could not be run on a call, or left nothing that can be compared. */
export class KernelRunError extends PreshuffleError {
  constructor(message: string, options?: ErrorOptions) {
    super('kernel-run', message, options);
  }
}
