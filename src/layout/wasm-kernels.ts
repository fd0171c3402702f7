import { assembleModule, type Code, type WasmFunction, wasm } from './wasm-assembler.ts';

/** Bytes of a block. Source and target block together fit the level-2 cache of current cores. */
export const BLOCK_BYTES: number = 128 * 1024;

/** Kernels on a scratch memory of two blocks: the first is read, the second is written. Offsets and strides are bytes. */
export interface BlockKernels {
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  /** Three nested loops of 16-byte pieces: `from`, `to`, then size, source stride and target stride of each, outer first. */
  pieces(from: number, to: number, ...loops: readonly number[]): void;
  /**
   * Scale tiles. Byte (r, g, p, c) of 4 `rows` by 2 `tiles` by 2 x 4 columns, p = pair of rows, moves as
   * `r * row + p * pair + tile * 8 + g * 4 + c` -> `r * 4 + c * column + tile * tileTo + g * 2 + p`.
   */
  scaleTiles(
    from: number,
    to: number,
    pair: number,
    row: number,
    column: number,
    tileTo: number,
    rows: number,
    tiles: number,
  ): void;
}

const { get, set, add, constant, load128, store128, shuffle, repeat } = wasm;

function advance(local: number, by: Code): Code {
  return set(local, add(get(local), by));
}

function piecesKernel(): WasmFunction {
  const [from, to] = [0, 1];
  const [sizeA, fromA, toA, sizeB, fromB, toB, sizeC, fromC, toC] = [2, 3, 4, 5, 6, 7, 8, 9, 10];
  const [fromRow, toRow, countB, read, write, countC] = [11, 12, 13, 14, 15, 16];
  const piece = [
    ...store128(get(write), load128(get(read))),
    ...advance(read, get(fromC)),
    ...advance(write, get(toC)),
  ];
  const row = [
    ...[...set(read, get(fromRow)), ...set(write, get(toRow)), ...set(countC, get(sizeC))],
    ...repeat(countC, piece),
    ...[...advance(fromRow, get(fromB)), ...advance(toRow, get(toB))],
  ];
  const plane = [
    ...[...set(fromRow, get(from)), ...set(toRow, get(to)), ...set(countB, get(sizeB))],
    ...repeat(countB, row),
    ...[...advance(from, get(fromA)), ...advance(to, get(toA))],
  ];
  return { name: 'pieces', parameters: 11, i32Locals: 6, v128Locals: 0, body: repeat(sizeA, plane) };
}

/** Lanes that interleave units of `width` bytes of two vectors, from their low or high halves. */
function interleave(width: number, high: boolean): readonly number[] {
  return Array.from({ length: 16 }, (_, index) => {
    const unit = Math.floor(index / width);
    return (high ? 8 : 0) + (unit >> 1) * width + (unit & 1) * 16 + (index % width);
  });
}

/** Swaps column half g and column c of interleaved pairs: byte (g, c, p) becomes byte (c, g, p). */
const GROUP_BY_COLUMN: readonly number[] = [0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15];

/** Shuffles that x86 has single instructions for (punpck, pshufb): four a 16-byte result. */
function scaleTilesKernel(): WasmFunction {
  const [from, to, pair, row, column, tileTo, rows, tiles] = [0, 1, 2, 3, 4, 5, 6, 7];
  const [read, write, readRow, writeColumn, count] = [8, 9, 10, 11, 12];
  const a = [13, 14, 15, 16] as const;
  const b = [17, 18, 19, 20] as const;
  const [s0, s1, s2, s3] = [21, 22, 23, 24];
  const [low01, low23, high01, high23] = [25, 26, 27, 28];
  const loads = [0, 1, 2, 3].flatMap((r) => [
    ...set(a[r] as number, load128(get(readRow))),
    ...set(b[r] as number, load128(add(get(readRow), get(pair)))),
    ...advance(readRow, get(row)),
  ]);
  const storeColumn = (value: Code): Code => [
    ...store128(get(writeColumn), value),
    ...advance(writeColumn, get(column)),
  ];
  const tile = (high: boolean): Code => [
    ...[s0, s1, s2, s3].flatMap((s, r) => [
      ...set(s, shuffle(get(a[r] as number), get(b[r] as number), interleave(1, high))),
      ...set(s, shuffle(get(s), get(s), GROUP_BY_COLUMN)),
    ]),
    ...set(low01, shuffle(get(s0), get(s1), interleave(4, false))),
    ...set(low23, shuffle(get(s2), get(s3), interleave(4, false))),
    ...set(high01, shuffle(get(s0), get(s1), interleave(4, true))),
    ...set(high23, shuffle(get(s2), get(s3), interleave(4, true))),
    ...set(writeColumn, get(write)),
    ...storeColumn(shuffle(get(low01), get(low23), interleave(8, false))),
    ...storeColumn(shuffle(get(low01), get(low23), interleave(8, true))),
    ...storeColumn(shuffle(get(high01), get(high23), interleave(8, false))),
    ...storeColumn(shuffle(get(high01), get(high23), interleave(8, true))),
    ...advance(write, get(tileTo)),
  ];
  const twoTiles = [
    ...set(readRow, get(read)),
    ...loads,
    ...tile(false),
    ...tile(true),
    ...advance(read, constant(16)),
  ];
  const fourRows = [
    ...[...set(read, get(from)), ...set(write, get(to)), ...set(count, get(tiles))],
    ...repeat(count, twoTiles),
    ...[0, 1, 2, 3].flatMap(() => advance(from, get(row))),
    ...advance(to, constant(16)),
  ];
  return { name: 'scaleTiles', parameters: 8, i32Locals: 5, v128Locals: 16, body: repeat(rows, fourRows) };
}

/**
 * Builds the kernels.
 *
 * @returns undefined where WebAssembly or its SIMD instructions are missing, or a content security policy forbids them
 */
export function createBlockKernels(): BlockKernels | undefined {
  try {
    const pages = (2 * BLOCK_BYTES) / 65536;
    const module = new WebAssembly.Module(assembleModule([piecesKernel(), scaleTilesKernel()], pages));
    const { memory, pieces, scaleTiles } = new WebAssembly.Instance(module).exports;
    const { buffer } = memory as WebAssembly.Memory;
    return {
      source: new Uint8Array(buffer, 0, BLOCK_BYTES),
      target: new Uint8Array(buffer, BLOCK_BYTES, BLOCK_BYTES),
      pieces: pieces as BlockKernels['pieces'],
      scaleTiles: scaleTiles as BlockKernels['scaleTiles'],
    };
  } catch {
    return undefined;
  }
}

let shared: { readonly kernels: BlockKernels | undefined } | undefined;

/** The kernels of this realm, built on first use. */
export function blockKernels(): BlockKernels | undefined {
  shared ??= { kernels: createBlockKernels() };
  return shared.kernels;
}
