/** WebAssembly machine code: the bytes of one or more instructions. */
export type Code = readonly number[];

/** A function of i32 parameters without result that a module exports by its name. */
export interface WasmFunction {
  readonly name: string;
  readonly parameters: number;
  /** Extra locals: the i32 ones are numbered after the parameters, the v128 ones after those. */
  readonly i32Locals: number;
  readonly v128Locals: number;
  readonly body: Code;
}

const I32 = 0x7f;
const V128 = 0x7b;
const VOID_BLOCK = 0x40;
const END = 0x0b;
const SIMD = 0xfd;
/** Alignment hint of loads and stores: none. */
const BYTE_ALIGNED = 0;

/** LEB128 of an unsigned number. */
function unsigned(value: number): Code {
  const low = value & 0x7f;
  return value < 0x80 ? [low] : [low | 0x80, ...unsigned(value >>> 7)];
}

/** LEB128 of a signed number. */
function signed(value: number): Code {
  const low = value & 0x7f;
  return value >= -64 && value < 64 ? [low] : [low | 0x80, ...signed(value >> 7)];
}

/** Instructions by their names in the WebAssembly text format. Operands come first, as on the stack. */
export const wasm = {
  get: (local: number): Code => [0x20, ...unsigned(local)],
  set: (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)],
  constant: (value: number): Code => [0x41, ...signed(value)],
  add: (a: Code, b: Code): Code => [...a, ...b, 0x6a],
  load128: (address: Code): Code => [...address, SIMD, 0x00, BYTE_ALIGNED, 0],
  store128: (address: Code, value: Code): Code => [...address, ...value, SIMD, 0x0b, BYTE_ALIGNED, 0],
  /** i8x16.shuffle: byte i of the result is byte `lanes[i]` of `a` followed by `b`. */
  shuffle: (a: Code, b: Code, lanes: readonly number[]): Code => [...a, ...b, SIMD, 0x0d, ...lanes],
  /** Repeats `body` while local `count`, reduced by one each time, is not zero. Runs at least once. */
  repeat(count: number, body: Code): Code {
    const decremented = wasm.add(wasm.get(count), wasm.constant(-1));
    return [0x03, VOID_BLOCK, ...body, ...wasm.set(count, decremented), ...wasm.get(count), 0x0d, 0, END];
  },
} as const;

function section(id: number, entries: readonly Code[]): Code {
  const content = [...unsigned(entries.length), ...entries.flat()];
  return [id, ...unsigned(content.length), ...content];
}

function text(value: string): Code {
  return [...unsigned(value.length), ...new TextEncoder().encode(value)];
}

/** A module that exports `functions` and a memory named `memory` of `pages` 64 KiB pages. */
export function assembleModule(functions: readonly WasmFunction[], pages: number): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters }) => [
    0x60,
    ...unsigned(parameters),
    ...Array<number>(parameters).fill(I32),
    0,
  ]);
  const exports = functions.map(({ name }, index) => [...text(name), 0, ...unsigned(index)]);
  const bodies = functions.map(({ i32Locals, v128Locals, body }) => {
    const code = [2, ...unsigned(i32Locals), I32, ...unsigned(v128Locals), V128, ...body, END];
    return [...unsigned(code.length), ...code];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(
      3,
      functions.map((_, index) => unsigned(index)),
    ),
    ...section(5, [[1, ...unsigned(pages), ...unsigned(pages)]]),
    ...section(7, [...exports, [...text('memory'), 2, 0]]),
    ...section(10, bodies),
  ]);
}
