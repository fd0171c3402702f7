import { PreshuffleError } from '../errors.ts';

/** An observation from which nothing can be concluded: tensors that do not fit the op, or hold nothing but NaN. */
export class DiagnosisError extends PreshuffleError {
  constructor(op: string, message: string) {
    super('diagnosis', `diagnose ${op}: ${message}`);
  }
}
