/** A generated file as the code has it. */
export interface Page {
  readonly file: string;
  readonly text: string;
}
