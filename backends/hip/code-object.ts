import { isElf, MACHINE, readElf } from './elf.ts';
import { CodeObjectError } from './errors.ts';
import { decodeMessagePack, type MessagePack, type MessagePackMap } from './msgpack.ts';

/** An argument of a kernel as the compiler laid it out. */
export interface KernelArgument {
  readonly name: string;
  /** E.g. `by_value`, `global_buffer`, `hidden_block_count_x`. */
  readonly kind: string;
  readonly offset: number;
  readonly size: number;
}

/** A kernel as the notes of an AMD code object describe it. */
export interface KernelNotes {
  readonly name: string;
  readonly arguments: readonly KernelArgument[];
  /** Bytes that a launch must give, hidden arguments included. */
  readonly kernargBytes: number;
  readonly vgprs: number;
  readonly agprs: number;
  readonly sgprs: number;
  readonly vgprSpills: number;
  readonly sgprSpills: number;
  /** Static LDS of a workgroup. */
  readonly ldsBytes: number;
  /** Scratch of a thread. */
  readonly scratchBytes: number;
  readonly waveSize: number;
  readonly maxThreads: number;
}

/** What a file of kernels says about itself. */
export type CodeObject =
  | { readonly machine: 'amdgpu'; readonly arch: string; readonly kernels: ReadonlyMap<string, KernelNotes> }
  /** For the CPU runtime of the tests: the kernels are described by data in the loaded object. */
  | { readonly machine: 'x86-64'; readonly kernels: ReadonlyMap<string, undefined> };

const NOTE_METADATA = 32;
/** Low byte of the ELF flags (LLVM "User Guide for AMDGPU Backend", EF_AMDGPU_MACH): what hand-written assembly has only. */
const PROCESSORS: Readonly<Record<number, string>> = { 63: 'gfx90a', 76: 'gfx942', 79: 'gfx950' };
/** Exported beside each kernel of an x86 object: argument bytes, threads of a workgroup, LDS bytes, as 32-bit words. */
export const DESCRIPTOR_SUFFIX = '__preshuffle';
const BUNDLE = '__CLANG_OFFLOAD_BUNDLE__';

/**
 * Reads the kernels of a code object: ELF with MessagePack metadata in an AMDGPU note (LLVM "User Guide for AMDGPU Backend",
 * section "Code Object V5 Metadata"), or an x86 shared object for the CPU runtime.
 *
 * @param name of the object, for errors
 * @throws CodeObjectError
 */
export function readCodeObject(name: string, bytes: Uint8Array): CodeObject {
  if (new TextDecoder().decode(bytes.subarray(0, BUNDLE.length)) === BUNDLE) {
    throw new CodeObjectError(
      name,
      'is a bundle for several targets, expected one ELF file. Compile with --no-gpu-bundle-output.',
    );
  }
  if (!isElf(bytes)) {
    throw new CodeObjectError(
      name,
      `its ${bytes.length} bytes are no ELF file. Build it again with "npm run build:hip".`,
    );
  }
  try {
    return parse(name, bytes);
  } catch (cause) {
    if (cause instanceof CodeObjectError) throw cause;
    throw new CodeObjectError(
      name,
      `is damaged (${cause instanceof Error ? cause.message : String(cause)}). Build it again with "npm run build:hip".`,
    );
  }
}

function parse(name: string, bytes: Uint8Array): CodeObject {
  const { machine, flags, notes, symbols } = readElf(bytes);
  if (machine === MACHINE.x86) {
    const described = symbols.filter((symbol) => symbol.endsWith(DESCRIPTOR_SUFFIX));
    const kernels = described.map((symbol) => [symbol.slice(0, -DESCRIPTOR_SUFFIX.length), undefined] as const);
    return { machine: 'x86-64', kernels: new Map(kernels) };
  }
  if (machine !== MACHINE.amdGpu) {
    throw new CodeObjectError(name, `is an ELF file for machine ${machine}, expected ${MACHINE.amdGpu} (AMD GPU).`);
  }
  const note = notes.find((entry) => entry.name === 'AMDGPU' && entry.type === NOTE_METADATA);
  if (note === undefined) throw new CodeObjectError(name, 'has no AMDGPU metadata note. Was it stripped?');
  const metadata = map(decodeMessagePack(note.content));
  // E.g. amdgcn-amd-amdhsa--gfx950:sramecc+
  const target = metadata['amdhsa.target'];
  const arch = target === undefined ? PROCESSORS[flags & 0xff] : text(target).split('--')[1]?.split(':')[0];
  const kernels = list(metadata['amdhsa.kernels']).map((entry) => kernelNotes(map(entry)));
  return { machine: 'amdgpu', arch: arch ?? '', kernels: new Map(kernels.map((kernel) => [kernel.name, kernel])) };
}

function kernelNotes(entry: MessagePackMap): KernelNotes {
  return {
    name: text(entry['.name']),
    arguments: list(entry['.args'] ?? []).map((item) => {
      const argument = map(item);
      return {
        name: text(argument['.name'] ?? ''),
        kind: text(argument['.value_kind']),
        offset: count(argument['.offset']),
        size: count(argument['.size']),
      };
    }),
    kernargBytes: count(entry['.kernarg_segment_size']),
    vgprs: count(entry['.vgpr_count']),
    agprs: count(entry['.agpr_count'] ?? 0),
    sgprs: count(entry['.sgpr_count']),
    vgprSpills: count(entry['.vgpr_spill_count'] ?? 0),
    sgprSpills: count(entry['.sgpr_spill_count'] ?? 0),
    ldsBytes: count(entry['.group_segment_fixed_size']),
    scratchBytes: count(entry['.private_segment_fixed_size']),
    waveSize: count(entry['.wavefront_size']),
    maxThreads: count(entry['.max_flat_workgroup_size']),
  };
}

function map(value: MessagePack | undefined): MessagePackMap {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)) {
    return value as MessagePackMap;
  }
  throw new RangeError('metadata holds another value where a map is expected');
}

function list(value: MessagePack | undefined): readonly MessagePack[] {
  if (Array.isArray(value)) return value;
  throw new RangeError('metadata holds another value where a list is expected');
}

function text(value: MessagePack | undefined): string {
  if (typeof value === 'string') return value;
  throw new RangeError('metadata holds another value where a name is expected');
}

function count(value: MessagePack | undefined): number {
  if (typeof value === 'number') return value;
  throw new RangeError('metadata holds another value where a number is expected');
}
