import { PreshuffleError } from '../../errors.ts';

/** A file that is not a report of `preshuffle verify --json`; says which key, what was found and what was expected. */
export class ReportError extends PreshuffleError {
  constructor(message: string) {
    super('report', message);
  }
}

/** A value of a JSON text with its place, for errors such as `report.json: results[3].op is 7, expected a string.` */
export class JsonNode {
  readonly value: unknown;
  readonly #file: string;
  readonly #path: string;

  constructor(value: unknown, file: string, path = '') {
    this.value = value;
    this.#file = file;
    this.#path = path;
  }

  /** @throws ReportError */
  fail(expected: string): never {
    const at = this.#path === '' ? 'the text' : this.#path;
    throw new ReportError(`${this.#file}: ${at} is ${shown(this.value)}, expected ${expected}.`);
  }

  /** @throws ReportError with a sentence about this value */
  reject(sentence: string): never {
    throw new ReportError(`${this.#file}: ${this.#path} ${sentence}`);
  }

  has(key: string): boolean {
    return isRecord(this.value) && this.value[key] !== undefined;
  }

  get(key: string, expected?: string): JsonNode {
    if (!isRecord(this.value)) this.fail(expected ?? 'an object');
    return new JsonNode(this.value[key], this.#file, this.#path === '' ? key : `${this.#path}.${key}`);
  }

  list(expected = 'a list'): readonly JsonNode[] {
    if (!Array.isArray(this.value)) this.fail(expected);
    return this.value.map((entry: unknown, index) => new JsonNode(entry, this.#file, `${this.#path}[${index}]`));
  }

  text(): string {
    return typeof this.value === 'string' ? this.value : this.fail('a string');
  }

  flag(): boolean {
    return typeof this.value === 'boolean' ? this.value : this.fail('true or false');
  }

  oneOf<T extends string>(known: readonly T[]): T {
    return known.find((entry) => entry === this.value) ?? this.fail(known.map((entry) => `"${entry}"`).join(', '));
  }

  /** A number; `null`, as JSON has for NaN and infinity, is kept. */
  number(): number | null {
    return typeof this.value === 'number' || this.value === null ? this.value : this.fail('a number or null');
  }

  /** An integer of 0 or more, or of `least` or more. */
  count(least = 0): number {
    const { value } = this;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
    return this.fail(least === 0 ? 'a whole number, 0 or more' : `a whole number, ${least} or more`);
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as an error names it, cut short. */
function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isRecord(value)) return 'an object';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
