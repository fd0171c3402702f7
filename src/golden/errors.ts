import { PreshuffleError } from '../errors.ts';

/** A golden file or one of its cases cannot be used as it is. Other cases still run. */
export class GoldenCaseError extends PreshuffleError {
  readonly file: string;
  readonly case: string;

  constructor(file: string, caseName: string, message: string, options?: ErrorOptions) {
    super('golden-case', `${file}${caseName === '' ? '' : `: case "${caseName}"`}: ${message}`, options);
    this.file = file;
    this.case = caseName;
  }
}
