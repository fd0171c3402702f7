import { afterEach, describe, expect, it } from 'vitest';
import { chooseGemm, GEMM_TILES, overrideGemmTiles } from '../../../backends/hip/kernels/gemm-tiles.ts';

/** Compute units of an MI355X. */
const UNITS = 256;

afterEach(() => {
  overrideGemmTiles([]);
});

function choice(M: number, N: number, K: number, scaling: 'blocks' | 'columns' | 'rows' = 'blocks'): string {
  const { tile, parts } = chooseGemm({ M, N, K }, scaling, UNITS);
  return `${tile} x${parts}`;
}

describe('the choice of tiles', () => {
  it('divides K for a few tokens until every compute unit has two workgroups', () => {
    // DeepSeek: 32 blocks of columns and 56 of K.
    expect(choice(1, 512, 7168)).toBe('16x32 x14');
    expect(choice(16, 2112, 7168)).toBe('16x32 x7');
    expect(choice(1, 24576, 1536)).toBe('16x64 x1');
    expect(choice(32, 7168, 2048)).toBe('16x32 x1');
  });

  it('takes the largest tile that leaves no compute units without work', () => {
    expect(choice(64, 7168, 2048)).toBe('64x128 x4');
    expect(choice(512, 7168, 2048)).toBe('128x128 x1');
    expect(choice(2048, 7168, 2048)).toBe('256x256 x1');
    expect(choice(8192, 24576, 1536, 'rows')).toBe('256x256 x1');
    expect(choice(8192, 7168, 2048, 'columns')).toBe('128x128 x1');
  });

  it('never has an empty part, and none without tokens or columns', () => {
    for (const K of [16, 128, 1152, 1280, 7168, 18432]) {
      for (const [M, N] of [
        [1, 16],
        [5, 512],
        [40, 640],
        [700, 512],
      ] as const) {
        const { parts } = chooseGemm({ M, N, K }, 'blocks', UNITS);
        const blocks = Math.ceil(K / 128);
        expect((parts - 1) * Math.ceil(blocks / parts)).toBeLessThan(blocks);
      }
    }
  });

  it('follows what was measured, where the tile knows the scales', () => {
    const entry = { N: 512, K: 7168, from: 1, to: 8 };
    expect(overrideGemmTiles([{ ...entry, tile: '16x64', parts: 3 }])).toEqual([]);
    // 56 blocks in 3 parts of 19.
    expect(choice(8, 512, 7168)).toBe('16x64 x3');
    expect(choice(8, 512, 7168, 'columns')).toBe('16x32 x3');
    expect(choice(9, 512, 7168)).toBe('16x32 x14');
    expect(overrideGemmTiles([{ ...entry, parts: 1000 }])).toHaveLength(1);
    expect(choice(8, 512, 7168)).toBe('16x32 x56');
    overrideGemmTiles([{ ...entry, together: 8 }]);
    expect(chooseGemm({ M: 1, N: 512, K: 7168 }, 'blocks', UNITS).together).toBe(8);
  });

  it('calls tiles by their size', () => {
    for (const [name, { rows, columns }] of Object.entries(GEMM_TILES)) {
      expect(name.replace('_deep', '')).toBe(`${rows}x${columns}`);
    }
  });
});
