import { createHash } from 'node:crypto';
import { type KernelNotes, readCodeObject } from '../../../backends/hip/code-object.ts';
import type { CompiledStruct } from './structs.ts';

/** What backends/hip/objects/manifest.json says: which compiler made the code objects, and what is in them. */
export interface Manifest {
  readonly compiler: string;
  readonly options: readonly string[];
  readonly objects: readonly ObjectEntry[];
}

export interface ObjectEntry {
  /** Relative to backends/hip/objects, e.g. `gfx950/permute.hsaco`. */
  readonly object: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly kernels: readonly KernelEntry[];
  /** What its kernels take, by name: sizeof, and where each field lies. */
  readonly structs: Readonly<Record<string, StructEntry>>;
}

export interface StructEntry {
  readonly bytes: number;
  readonly offsets: Readonly<Record<string, number>>;
}

export interface KernelEntry {
  readonly kernel: string;
  readonly threads: number;
  readonly vgprs: number;
  readonly agprs: number;
  readonly sgprs: number;
  readonly vgprSpills: number;
  readonly sgprSpills: number;
  /** Static LDS of a workgroup, in bytes. */
  readonly ldsBytes: number;
  /** Of a thread, in bytes. */
  readonly scratchBytes: number;
  readonly kernargBytes: number;
  /** The struct that it takes, one of `structs` of its object. */
  readonly arguments: string;
}

/** @throws CodeObjectError, or Error when the object holds a kernel that the source does not declare as one */
export function objectEntry(
  object: string,
  bytes: Uint8Array,
  structs: ReadonlyMap<string, CompiledStruct>,
): ObjectEntry {
  return {
    object,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    kernels: notesOf(object, bytes).map((notes) => {
      const struct = structs.get(notes.name);
      if (struct === undefined) {
        throw new Error(
          `${object}: kernel ${notes.name} is not defined by PRESHUFFLE_KERNEL, so its argument is not known.`,
        );
      }
      return {
        kernel: notes.name,
        threads: notes.maxThreads,
        vgprs: notes.vgprs,
        agprs: notes.agprs,
        sgprs: notes.sgprs,
        vgprSpills: notes.vgprSpills,
        sgprSpills: notes.sgprSpills,
        ldsBytes: notes.ldsBytes,
        scratchBytes: notes.scratchBytes,
        kernargBytes: notes.kernargBytes,
        arguments: struct.name,
      };
    }),
    structs: Object.fromEntries([...structs.values()].map((struct) => [struct.name, structEntry(struct)])),
  };
}

function structEntry({ byteLength, fields }: CompiledStruct): StructEntry {
  return { bytes: byteLength, offsets: Object.fromEntries(fields.map(({ name, offset }) => [name, offset])) };
}

/** The kernels of an AMD code object. @throws CodeObjectError */
export function notesOf(name: string, bytes: Uint8Array): readonly KernelNotes[] {
  const object = readCodeObject(name, bytes);
  if (object.machine !== 'amdgpu') throw new Error(`${name} is for ${object.machine}, expected an AMD GPU.`);
  return [...object.kernels.values()];
}
