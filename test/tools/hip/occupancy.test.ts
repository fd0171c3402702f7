import { describe, expect, it } from 'vitest';
import type { KernelNotes } from '../../../backends/hip/code-object.ts';
import { ldsLimit, wavesPerSimd } from '../../../src/tools/hip/occupancy.ts';

function notes(vgprs: number, ldsBytes: number, maxThreads: number, sgprs = 50): KernelNotes {
  const zero = { kernargBytes: 0, agprs: 0, vgprSpills: 0, sgprSpills: 0, scratchBytes: 0, waveSize: 64 };
  return { name: 'kernel', arguments: [], ...zero, vgprs, sgprs, ldsBytes, maxThreads };
}

describe('waves of a SIMD', () => {
  it.each([
    // Registers: 512 a lane, in steps of 8.
    [notes(1, 0, 256), 8],
    [notes(64, 0, 256), 8],
    [notes(65, 0, 256), 7],
    [notes(78, 0, 256), 6],
    [notes(126, 16384, 256), 4],
    [notes(128, 0, 256), 4],
    [notes(129, 0, 256), 3],
    [notes(158, 32768, 256), 3],
    [notes(250, 32768, 256), 2],
    [notes(256, 0, 256), 2],
    [notes(257, 0, 256), 1],
    [notes(512, 0, 256), 1],
    // Whole workgroups: 16 waves need 4 on each of the 4 SIMDs.
    [notes(128, 0, 1024), 4],
    [notes(129, 0, 1024), 0],
    // LDS: one workgroup of 8 waves.
    [notes(248, 131072, 512), 2],
    [notes(64, 131072, 512), 2],
    [notes(64, 81920, 256), 2],
    [notes(64, 81921, 256), 1],
    [notes(64, 1280, 256), 8],
    [notes(64, 163840, 256), 1],
    [notes(64, 163841, 256), 0],
    // Scalar registers.
    [notes(24, 0, 256, 100), 8],
    [notes(24, 0, 256, 101), 7],
    // 16 workgroups of two waves.
    [notes(24, 0, 128), 8],
  ])('case %#', (kernel, waves) => {
    expect(wavesPerSimd('gfx950', kernel)).toBe(waves);
  });

  it('are fewer where LDS is smaller', () => {
    expect(wavesPerSimd('gfx942', notes(64, 32768, 256))).toBe(2);
    expect(wavesPerSimd('gfx950', notes(64, 32768, 256))).toBe(4);
    expect([ldsLimit('gfx942'), ldsLimit('gfx950')]).toEqual([65536, 163840]);
  });
});
