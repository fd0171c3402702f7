// What AITER's kernels are launched with, byte for byte. The offsets are those of the C structs in AITER's sources.
import { describe, expect, it } from 'vitest';
import { spacedStruct } from '../../../../backends/hip/aiter/arguments.ts';
import { FP4_GEMM_TILES, fp4GemmArgs, fp4GemmGrid, fp4GemmValues } from '../../../../backends/hip/aiter/fp4-gemm.ts';
import {
  FP8_GEMM_TILES,
  fp8GemmArgs,
  fp8GemmGrid,
  fp8GemmValues,
  fp8Splits,
} from '../../../../backends/hip/aiter/fp8-gemm.ts';
import { chooseTile, mangled } from '../../../../backends/hip/aiter/tiles.ts';

/** Little-endian numbers at their offsets, zeros elsewhere. */
function bytesAt(length: number, values: readonly (readonly [number, bigint | number | 'one'])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(length));
  for (const [offset, value] of values) {
    if (value === 'one') view.setFloat32(offset, 1, true);
    else if (typeof value === 'bigint') view.setBigUint64(offset, value, true);
    else view.setUint32(offset, value, true);
  }
  return new Uint8Array(view.buffer);
}

const sizes = { M: 200, N: 512, K: 7168 };

describe('arguments of fp8gemm_blockscale', () => {
  it('are 256 bytes', () => {
    const view = new DataView(new Uint8Array(300).fill(0xaa).buffer);
    const addresses = { y: 1n << 40n, x: 2n, w: 3n, xScale: 4n, wScale: 5n, bias: 0xfffffffffffffff0n };
    fp8GemmArgs.pack(view, fp8GemmValues(sizes, addresses, 3));
    const wanted = bytesAt(256, [
      [0, 1n << 40n],
      [16, 2n],
      [32, 3n],
      [48, 4n],
      [64, 5n],
      [80, 0xfffffffffffffff0n],
      [96, 200],
      [112, 512],
      [128, 7168],
      // Bytes of the rows of x, w and y.
      [144, 7168],
      [160, 7168],
      [176, 1024],
      [192, 3],
      [208, 200],
      [224, 4],
      [240, 56],
    ]);
    expect(new Uint8Array(view.buffer, 0, 256)).toEqual(wanted);
    expect(new Uint8Array(view.buffer, 256)).toEqual(new Uint8Array(44).fill(0xaa));
    expect(fp8GemmArgs.byteLength).toBe(256);
  });

  it('name the kernels of AITER', () => {
    expect(FP8_GEMM_TILES.map(({ kernel }) => kernel)).toEqual([
      '_ZN5aiter43fp8gemm_bf16_blockscale_BpreShuffle_128x128E',
      ...[32, 48, 64, 80, 96].map((m) => `_ZN5aiter42fp8gemm_bf16_blockscale_BpreShuffle_${m}x128E`),
    ]);
    expect(FP8_GEMM_TILES[0]?.object).toBe('fp8gemm_blockscale/fp8gemm_bf16_blockscale_BpreShuffle_128x128.co');
  });

  it('split K into parts of whole blocks', () => {
    expect([1, 2, 3, 4, 8, 16].map((wanted) => fp8Splits(7168, wanted))).toEqual([1, 2, 3, 4, 8, 14]);
    expect([1, 2, 5].map((wanted) => fp8Splits(128, wanted))).toEqual([1, 1, 1]);
    expect(fp8Splits(640, 4)).toBe(3);
  });

  it('come with a grid', () => {
    expect(fp8GemmGrid({ m: 48, n: 128 }, sizes, 3)).toEqual([12, 5, 1]);
    expect(fp8GemmGrid({ m: 128, n: 128 }, { ...sizes, M: 256 }, 1)).toEqual([4, 2, 1]);
    expect(fp8GemmGrid({ m: 32, n: 128 }, { ...sizes, M: 0 }, 1)).toEqual([4, 0, 1]);
  });
});

describe('arguments of f4gemm', () => {
  it('are 384 bytes', () => {
    const view = new DataView(new Uint8Array(400).fill(0xaa).buffer);
    fp4GemmArgs.pack(view, fp4GemmValues(sizes, { y: 1n, x: 2n, w: 3n, xScale: 4n, wScale: 1n << 47n }, 1));
    const wanted = bytesAt(384, [
      [0, 1n],
      [32, 2n],
      [48, 3n],
      [64, 'one'],
      [128, 512],
      [160, 7168],
      [192, 7168],
      [224, 200],
      [240, 512],
      [256, 7168],
      [272, 4n],
      [288, 1n << 47n],
      [304, 224],
      [336, 224],
      [368, 1],
    ]);
    expect(new Uint8Array(view.buffer, 0, 384)).toEqual(wanted);
    expect(fp4GemmArgs.byteLength).toBe(384);
  });

  it('name the kernels of AITER', () => {
    const kernels = FP4_GEMM_TILES.map(({ kernel }) => kernel);
    expect(kernels).toHaveLength(34);
    expect(new Set(kernels).size).toBe(34);
    expect(kernels).toContain('_ZN5aiter42f4gemm_bf16_per1x32Fp4_BpreShuffle_256x256E');
    expect(kernels).toContain('_ZN5aiter41f4gemm_bf16_per1x32Fp4_BpreShuffle_32x128E');
    expect(kernels).toContain('_ZN5aiter42f4gemm_bf16_per1x32Fp4_BpreShuffle_64x1024E');
  });

  it('come with a grid whose third number is the parts of K', () => {
    expect(fp4GemmGrid({ m: 256, n: 256 }, sizes, 0)).toEqual([2, 1, 1]);
    expect(fp4GemmGrid({ m: 32, n: 128 }, sizes, 2)).toEqual([4, 7, 4]);
    // 1280 / 4 = 320, rounded up to 512.
    expect(fp4GemmGrid({ m: 32, n: 128 }, { ...sizes, K: 1280 }, 2)).toEqual([4, 7, 3]);
  });
});

describe('the choice of a tile', () => {
  const choose = (M: number, N: number, splits?: readonly number[]): readonly [number, number] | undefined => {
    const choice = chooseTile(FP8_GEMM_TILES, M, N, 256, splits);
    return choice === undefined ? undefined : [choice.tile.m, choice.splits];
  };

  it('takes the fewest rounds, then the fewest idle units, then the largest tile', () => {
    // One round with each tile. 128 columns leave 255 units idle; the largest tile for one row is 128.
    expect(choose(1, 128)).toEqual([128, 1]);
    // 7 rows of workgroups by 32 keep more units busy than 2 by 128.
    expect(choose(200, 512)).toEqual([32, 1]);
    // 8192 x 8192: 64 x 64 = 4096 workgroups of 128 rows are 16 full rounds.
    expect(choose(8192, 8192)).toEqual([128, 1]);
    // Two rounds with 128 rows (258 workgroups), 96 (344) or 80 (414); three with 64.
    expect(choose(128 * 129, 256)).toEqual([80, 1]);
  });

  it('splits K where that fills the device', () => {
    expect(choose(16, 512, [1, 2, 4, 8, 16])).toEqual([128, 16]);
    // The parts of 8192 x 8192 would only be more rounds.
    expect(choose(8192, 8192, [1, 2, 4])).toEqual([128, 1]);
  });

  it('needs whole tiles of columns', () => {
    expect(choose(16, 64)).toBeUndefined();
    expect(chooseTile([{ m: 32, n: 384 }], 16, 512, 256)).toBeUndefined();
  });

  it('mangles names as C++ does', () => {
    expect(mangled('f')).toBe('_ZN5aiter1fE');
  });
});

describe('a spaced struct', () => {
  it('refuses a name that comes twice, and values that do not fit', () => {
    expect(() =>
      spacedStruct('S', [
        { name: 'a', type: 'ptr' },
        { name: 'a', type: 'u32' },
      ]),
    ).toThrow('struct S lists a field twice.');
    const struct = spacedStruct('S', [
      { name: 'a', type: 'u32' },
      { name: 'p', type: 'ptr' },
    ]);
    expect(struct.fields.map(({ offset }) => offset)).toEqual([0, 16]);
    expect(() => struct.pack(new DataView(new ArrayBuffer(32)), { a: -1, p: 0n })).toThrow(
      'struct S: "a" is -1, expected an integer from 0 to 2^32 - 1.',
    );
  });
});
