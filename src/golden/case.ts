import { GoldenCaseError } from './errors.ts';

/** The prefix of a metadata key that declares a case: `case:<name>` holds a JSON object. */
export const CASE_PREFIX = 'case:';

/** One entry of a golden file: an op, its parameters, and where the expected numbers come from. */
export interface GoldenCase {
  readonly file: string;
  readonly name: string;
  readonly op: string;
  /** Who computed the expected tensors, e.g. `aiter shuffle_weight`. */
  readonly source: string;
  readonly note: string;
  /** Everything in the metadata object, `op`, `source` and `note` included. */
  readonly params: Readonly<Record<string, unknown>>;
}

/**
 * Reads the case declarations of a golden file, in the order of their names.
 * A declaration that cannot be read becomes an error of its own and does not hide the others.
 */
export function parseCases(
  file: string,
  metadata: Readonly<Record<string, string>>,
): { readonly cases: readonly GoldenCase[]; readonly errors: readonly GoldenCaseError[] } {
  const cases: GoldenCase[] = [];
  const errors: GoldenCaseError[] = [];
  for (const key of Object.keys(metadata).filter((name) => name.startsWith(CASE_PREFIX))) {
    try {
      cases.push(parseCase(file, key.slice(CASE_PREFIX.length), metadata[key] ?? ''));
    } catch (error) {
      if (!(error instanceof GoldenCaseError)) throw error;
      errors.push(error);
    }
  }
  if (cases.length === 0 && errors.length === 0) {
    errors.push(
      new GoldenCaseError(
        file,
        '',
        `holds no case: no key of __metadata__ starts with "${CASE_PREFIX}". ` +
          'Declare each case as "case:<name>": "{\\"op\\": …}" (docs/golden-format.md).',
      ),
    );
  }
  cases.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { cases, errors };
}

function parseCase(file: string, name: string, text: string): GoldenCase {
  if (name === '') throw new GoldenCaseError(file, '', `metadata key "${CASE_PREFIX}" has no name after the colon.`);
  let params: unknown;
  try {
    params = JSON.parse(text);
  } catch (cause) {
    throw new GoldenCaseError(file, name, `metadata is not JSON: ${(cause as Error).message}.`, { cause });
  }
  if (typeof params !== 'object' || params === null || Array.isArray(params)) {
    throw new GoldenCaseError(file, name, `metadata is ${JSON.stringify(params)}, expected a JSON object with "op".`);
  }
  const record = params as Readonly<Record<string, unknown>>;
  const { op, source, note } = record;
  if (typeof op !== 'string' || op === '') {
    throw new GoldenCaseError(file, name, `"op" is ${JSON.stringify(op) ?? 'missing'}, expected the name of an op.`);
  }
  return {
    file,
    name,
    op,
    source: typeof source === 'string' ? source : '',
    note: typeof note === 'string' ? note : '',
    params: record,
  };
}
