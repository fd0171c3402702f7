import { findDuplicateKey } from './json-keys.ts';
import { dtypeBits, isSafetensorsDtype, SAFETENSORS_DTYPES, type SafetensorsDtype } from './safetensors-dtypes.ts';
import { SafetensorsError } from './safetensors-error.ts';

/** The limit of huggingface/safetensors: a larger header is an attack or a damaged length. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Bytes of the length in front of the header. */
export const LENGTH_BYTES = 8;

/** Where a tensor lies. `begin` and `end` count bytes from the start of the data. */
export interface TensorEntry {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of their offsets. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

/**
 * Reads the header's length from the first 8 bytes.
 * @throws SafetensorsError when the file cannot hold it
 */
export function headerLength(file: string, start: Uint8Array, fileSize: number): number {
  if (fileSize < LENGTH_BYTES) {
    throw new SafetensorsError(
      file,
      `is ${fileSize} bytes long, expected at least 8 for the length of the header. The file is cut off or not safetensors.`,
    );
  }
  const view = new DataView(start.buffer, start.byteOffset, LENGTH_BYTES);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw new SafetensorsError(
      file,
      `says that its header is ${length} bytes long, more than the ${MAX_HEADER_BYTES} that the format allows. The file is damaged or not safetensors.`,
    );
  }
  if (Number(length) + LENGTH_BYTES > fileSize) {
    throw new SafetensorsError(
      file,
      `says that its header is ${length} bytes long, but only ${fileSize - LENGTH_BYTES} bytes follow. The file is cut off.`,
    );
  }
  return Number(length);
}

/**
 * Parses and checks a header.
 * @param bytes the header without its length
 * @param dataSize bytes that follow it in the file
 * @throws SafetensorsError naming the tensor and the rule it breaks
 */
export function parseHeader(file: string, bytes: Uint8Array, dataSize: number): SafetensorsHeader {
  const record = parseObject(file, bytes);
  const metadata = parseMetadata(file, record['__metadata__']);
  const entries = Object.entries(record)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => [name, parseEntry(file, name, value)] as const)
    .sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  checkCoverage(file, entries, dataSize);
  return { metadata, tensors: new Map(entries) };
}

function parseObject(file: string, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SafetensorsError(file, 'has a header that is not UTF-8.', { cause });
  }
  if (!text.startsWith('{')) {
    throw new SafetensorsError(
      file,
      `has a header that begins with ${JSON.stringify(text.slice(0, 1))}, expected "{".`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SafetensorsError(file, `has a header that is not JSON: ${(cause as Error).message}.`, { cause });
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) {
    const where = duplicate.path.length === 0 ? 'the header' : `"${duplicate.path.join('" / "')}"`;
    throw new SafetensorsError(file, `has the key "${duplicate.key}" twice in ${where}; one of them would be lost.`);
  }
  return value as Readonly<Record<string, unknown>>;
}

function parseMetadata(file: string, value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (!isRecord(value))
    throw new SafetensorsError(file, `has __metadata__ of ${kind(value)}, expected an object of strings.`);
  const wrong = Object.entries(value).find(([, text]) => typeof text !== 'string');
  if (wrong !== undefined) {
    throw new SafetensorsError(
      file,
      `has __metadata__ "${wrong[0]}" of ${kind(wrong[1])}, expected a string; encode other values as JSON text.`,
    );
  }
  return value as Readonly<Record<string, string>>;
}

function parseEntry(file: string, name: string, value: unknown): TensorEntry {
  const fail = (message: string): SafetensorsError => new SafetensorsError(file, `tensor "${name}" ${message}`);
  if (!isRecord(value))
    throw fail(`is declared as ${kind(value)}, expected an object with dtype, shape and data_offsets.`);
  const { dtype, shape, data_offsets: offsets, ...rest } = value;
  const [extra] = Object.keys(rest);
  if (extra !== undefined) throw fail(`has the unknown field "${extra}", expected dtype, shape and data_offsets only.`);
  if (typeof dtype !== 'string' || !isSafetensorsDtype(dtype)) {
    throw fail(`has dtype ${JSON.stringify(dtype) ?? 'missing'}, expected one of ${SAFETENSORS_DTYPES.join(', ')}.`);
  }
  if (!isSizeList(shape))
    throw fail(`has shape ${JSON.stringify(shape) ?? 'missing'}, expected a list of integers of at least 0.`);
  if (!isSizeList(offsets) || offsets.length !== 2) {
    throw fail(`has data_offsets ${JSON.stringify(offsets) ?? 'missing'}, expected [begin, end] in bytes.`);
  }
  const [begin = 0, end = 0] = offsets;
  if (begin > end) throw fail(`has data_offsets [${begin}, ${end}], which end before they begin.`);
  const bits = shape.reduce((product, size) => product * size, dtypeBits(dtype));
  if (!Number.isSafeInteger(bits)) throw fail(`has shape [${shape.join(', ')}], whose size in bits is over 2^53.`);
  if (bits % 8 !== 0)
    throw fail(`has ${bits} bits of ${dtype} [${shape.join(', ')}], which are no whole bytes; pad the last dimension.`);
  if (end - begin !== bits / 8) {
    throw fail(
      `of ${dtype} [${shape.join(', ')}] takes ${bits / 8} bytes, but its data_offsets [${begin}, ${end}] span ${end - begin}.`,
    );
  }
  return { dtype, shape, begin, end };
}

/** Tensors fill the data without overlap, hole or rest: the format's defence against smuggled bytes. */
function checkCoverage(file: string, entries: readonly (readonly [string, TensorEntry])[], dataSize: number): void {
  let expected = 0;
  let previous = '';
  for (const [name, { begin, end }] of entries) {
    if (begin < expected) {
      throw new SafetensorsError(
        file,
        `tensors "${previous}" and "${name}" overlap: the first ends at byte ${expected}, the second begins at ${begin}.`,
      );
    }
    if (begin > expected) {
      throw new SafetensorsError(
        file,
        `has a hole of ${begin - expected} bytes at byte ${expected} of the data, in front of tensor "${name}".`,
      );
    }
    expected = end;
    previous = name;
  }
  if (expected > dataSize) {
    throw new SafetensorsError(
      file,
      `declares ${expected} bytes of tensors, but only ${dataSize} follow the header. The file is cut off; the last tensor is "${previous}".`,
    );
  }
  if (expected < dataSize) {
    throw new SafetensorsError(
      file,
      `has ${dataSize - expected} bytes after its last tensor${previous === '' ? '' : ` "${previous}"`} that belong to none.`,
    );
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizeList(value: unknown): value is readonly number[] {
  return (
    Array.isArray(value) && value.every((item) => typeof item === 'number' && Number.isSafeInteger(item) && item >= 0)
  );
}

function kind(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
