/** `e_machine` values. */
export const MACHINE = { x86: 62, amdGpu: 224 } as const;

const SEGMENT_NOTE = 4;
const SECTION_DYNAMIC_SYMBOLS = 11;

export interface ElfNote {
  readonly name: string;
  readonly type: number;
  readonly content: Uint8Array;
}

/** What is needed of a 64-bit little-endian ELF file. */
export interface Elf {
  /** `MACHINE`. */
  readonly machine: number;
  /** `e_flags`: of an AMD GPU, the processor in the low byte. */
  readonly flags: number;
  readonly notes: readonly ElfNote[];
  /** Names of the symbols that it exports. */
  readonly symbols: readonly string[];
}

/** Whether bytes begin as an ELF file does. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/**
 * Reads an ELF file (System V ABI, chapters "Object Files" and "Program Loading").
 * @throws RangeError when it is no such file, or a table lies outside
 */
export function readElf(bytes: Uint8Array): Elf {
  if (!isElf(bytes)) throw new RangeError('no ELF file');
  if (bytes[4] !== 2 || bytes[5] !== 1) throw new RangeError('no 64-bit little-endian ELF file');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const machine = view.getUint16(18, true);
  return { machine, flags: view.getUint32(48, true), notes: notesOf(bytes, view), symbols: symbolsOf(bytes, view) };
}

function notesOf(bytes: Uint8Array, view: DataView): readonly ElfNote[] {
  const table = offset(view, 32);
  const size = view.getUint16(54, true);
  const notes: ElfNote[] = [];
  for (let index = 0; index < view.getUint16(56, true); index += 1) {
    const header = table + index * size;
    if (view.getUint32(header, true) !== SEGMENT_NOTE) continue;
    const start = offset(view, header + 8);
    const end = start + offset(view, header + 32);
    let at = start;
    while (at + 12 <= end) {
      const nameSize = view.getUint32(at, true);
      const contentSize = view.getUint32(at + 4, true);
      const type = view.getUint32(at + 8, true);
      const nameAt = at + 12;
      const contentAt = nameAt + aligned(nameSize);
      notes.push({
        // The size counts the zero at the end.
        name: text(slice(bytes, nameAt, Math.max(0, nameSize - 1))),
        type,
        content: slice(bytes, contentAt, contentSize),
      });
      at = contentAt + aligned(contentSize);
    }
  }
  return notes;
}

function symbolsOf(bytes: Uint8Array, view: DataView): readonly string[] {
  const table = offset(view, 40);
  const size = view.getUint16(58, true);
  const section = (index: number): number => table + index * size;
  for (let index = 0; index < view.getUint16(60, true); index += 1) {
    const header = section(index);
    if (view.getUint32(header + 4, true) !== SECTION_DYNAMIC_SYMBOLS) continue;
    const strings = section(view.getUint32(header + 40, true));
    const names = slice(bytes, offset(view, strings + 24), offset(view, strings + 32));
    const first = offset(view, header + 24);
    const count = Math.floor(offset(view, header + 32) / 24);
    const symbols: string[] = [];
    for (let symbol = 0; symbol < count; symbol += 1) {
      const at = first + symbol * 24;
      const isDefined = view.getUint16(at + 6, true) !== 0;
      const nameAt = view.getUint32(at, true);
      const end = names.indexOf(0, nameAt);
      if (isDefined && nameAt !== 0) symbols.push(text(names.subarray(nameAt, end < 0 ? names.length : end)));
    }
    return symbols;
  }
  return [];
}

function offset(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function aligned(size: number): number {
  return Math.ceil(size / 4) * 4;
}

function slice(bytes: Uint8Array, start: number, length: number): Uint8Array {
  if (start + length > bytes.length) throw new RangeError(`ends at byte ${bytes.length}, before ${start + length}`);
  return bytes.subarray(start, start + length);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
