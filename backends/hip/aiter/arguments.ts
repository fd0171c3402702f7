import { PreshuffleError } from '../../../src/errors.ts';
import { type ArgumentStruct, type Field, writeField } from '../args.ts';
import type { KernelNotes } from '../code-object.ts';
import { CodeObjectError } from '../errors.ts';
import { WITHOUT } from './install.ts';

/** AITER's assembled kernels have each argument at the start of 16 bytes, pointers and 32-bit numbers alike. */
const PITCH = 16;
/** The compiler's name of what lies between. */
const PADDING = 'pad';

/**
 * The arguments of a kernel of AITER. Field names are those in the notes of its code objects.
 * @throws PreshuffleError when a name comes twice
 */
export function spacedStruct<const Fields extends readonly Field[]>(
  name: string,
  fields: Fields,
): ArgumentStruct<Fields> {
  const placed = fields.map((field, index) => ({ ...field, offset: index * PITCH }));
  if (new Set(placed.map((field) => field.name)).size !== placed.length) {
    throw new PreshuffleError('hip-args', `struct ${name} lists a field twice.`);
  }
  const byteLength = placed.length * PITCH;
  return {
    name,
    fields: placed,
    byteLength,
    pack(view, values) {
      const given = values as Readonly<Record<string, bigint | number | ArrayLike<bigint | number>>>;
      for (let at = 0; at < byteLength; at += 4) view.setUint32(at, 0, true);
      for (const field of placed) writeField(name, view, field, given[field.name]);
    },
  };
}

/** What a kernel must say about itself. */
export interface KnownKernel {
  readonly kernel: string;
  readonly struct: ArgumentStruct;
  readonly threads: number;
  readonly ldsBytes: number;
}

/**
 * Refuses a kernel whose notes are not those that this version knows: AITER's argument layouts are private and have no version,
 * and a kernel that is given other arguments than it reads destroys memory.
 * @param object its file, for errors
 * @throws CodeObjectError saying what differs
 */
export function requireKnownKernel(object: string, notes: KernelNotes | undefined, known: KnownKernel): void {
  const mismatch = (what: string): CodeObjectError =>
    new CodeObjectError(object, `${what}. This AITER is another one than this version knows. ${WITHOUT}`);
  if (notes === undefined) throw mismatch(`has no kernel ${known.kernel}`);
  const { struct, threads, ldsBytes } = known;
  const sizes = [
    ['bytes of arguments', notes.kernargBytes, struct.byteLength],
    ['threads', notes.maxThreads, threads],
    ['bytes of LDS', notes.ldsBytes, ldsBytes],
  ] as const;
  for (const [what, found, expected] of sizes) {
    if (found !== expected) throw mismatch(`${notes.name} takes ${found} ${what}, expected ${expected}`);
  }
  const given = notes.arguments.filter(({ name }) => name !== PADDING);
  if (given.length !== struct.fields.length) {
    throw mismatch(`${notes.name} has ${given.length} arguments, expected ${struct.fields.length}`);
  }
  for (const [index, { name, type, offset }] of struct.fields.entries()) {
    const found = given[index];
    const [kind, size] = type === 'ptr' ? ['global_buffer', 8] : ['by_value', 4];
    const isSame = found?.name === name && found.offset === offset && found.kind === kind && found.size === size;
    if (!isSame) {
      const there =
        found === undefined ? 'none' : `${found.name} (${found.kind}, ${found.size} bytes) at ${found.offset}`;
      throw mismatch(`${notes.name} has the argument ${there}, expected ${name} (${kind}, ${size} bytes) at ${offset}`);
    }
  }
}
