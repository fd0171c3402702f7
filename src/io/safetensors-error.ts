import { PreshuffleError } from '../errors.ts';

/** A safetensors file breaks the format. `file` is where. */
export class SafetensorsError extends PreshuffleError {
  readonly file: string;

  constructor(file: string, message: string, options?: ErrorOptions) {
    super('safetensors', `${file}: ${message}`, options);
    this.file = file;
  }
}
