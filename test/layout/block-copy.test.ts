import { afterEach, describe, expect, it, vi } from 'vitest';
import { copyInBlocks } from '../../src/layout/block-copy.ts';
import {
  gateUpInterleaved,
  rowMajor,
  shuffleScale,
  shuffleWeight,
  shuffleWeightGuinterleave,
  shuffleWeightNK,
  w13ScaleFault,
} from '../../src/layout/catalog.ts';
import type { Layout } from '../../src/layout/layout.ts';
import { type CopyBox, planRelayout } from '../../src/layout/relayout-plan.ts';
import { BLOCK_BYTES, createBlockKernels } from '../../src/layout/wasm-kernels.ts';

const kernels = createBlockKernels();
if (kernels === undefined) throw new Error('this engine has no WebAssembly SIMD');

function random(length: number): Uint8Array {
  let state = 99;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

/** The copy one byte at a time. */
function copyPlainly(source: Uint8Array, target: Uint8Array, box: CopyBox): void {
  const visit = (depth: number, from: number, to: number): void => {
    const loop = box.loops[depth];
    if (loop === undefined) target[to] = source[from] as number;
    else for (let i = 0; i < loop.size; i += 1) visit(depth + 1, from + i * loop.from, to + i * loop.to);
  };
  visit(0, box.from, box.to);
}

function boxesOf(from: Layout, to: Layout): readonly CopyBox[] {
  const boxes = planRelayout(from, to);
  if (boxes === undefined) throw new Error('the layouts do not nest');
  return boxes;
}

/** Copies both ways, off alignment by one byte and beside guard bytes; says how many boxes the kernels took. */
function checkBoxes(from: Layout, to: Layout): number {
  const source = random(from.storageSize + 1).subarray(1);
  const out = new Uint8Array(to.storageSize + 4).fill(0xee);
  const plain = out.slice();
  let taken = 0;
  for (const box of boxesOf(from, to)) {
    copyPlainly(source, plain.subarray(3), box);
    if (copyInBlocks(source, out.subarray(3), box, kernels as NonNullable<typeof kernels>)) taken += 1;
    else copyPlainly(source, out.subarray(3), box);
  }
  expect(Buffer.compare(out, plain)).toBe(0);
  return taken;
}

describe('copyInBlocks', () => {
  it('leaves a box alone in which one loop looks like a row pair and like column tiles', () => {
    const from = shuffleWeightNK([64, 128], { instN: 16, instK: 32 });
    const options = { experts: 1, rows: 'gate_up_split_twice', shuffle: 'interleave' } as const;
    expect(checkBoxes(from, w13ScaleFault([64, 128], options))).toBe(0);
  });

  it.each([
    [16, 1024],
    [48, 7168],
    [64, 64],
    [1024, 256],
    [16, 65536 + 32],
    [32, 12320],
  ])('shuffles weights of %d x %d bytes and back', (rows, columns) => {
    const shape = [rows, columns];
    expect(checkBoxes(rowMajor(shape), shuffleWeight(shape, { bits: 8 }))).toBe(1);
    expect(checkBoxes(shuffleWeight(shape, { bits: 8 }), rowMajor(shape))).toBe(1);
  });

  it('shuffles interleaved gate and up weights', () => {
    const shape = [3, 64, 1024];
    const to = shuffleWeightGuinterleave(shape, { bits: 8, gateUp: true });
    expect(checkBoxes(rowMajor(shape), to)).toBe(1);
    expect(checkBoxes(to, rowMajor(shape))).toBe(1);
  });

  it.each([
    [32, 1024],
    [64, 7168],
    [4096, 32],
    [512, 224],
    [32, 16 * 1025],
  ])('shuffles scales of %d x %d', (rows, columns) => {
    expect(checkBoxes(rowMajor([rows, columns]), shuffleScale([rows, columns]))).toBe(1);
  });

  it.each([
    [33, 1030],
    [40, 8],
    [70, 1021],
    [95, 2071],
  ])('leaves ragged scales of %d x %d whole', (rows, columns) => {
    checkBoxes(rowMajor([rows, columns]), shuffleScale([rows, columns]));
  });

  it('declines what it would not speed up', () => {
    const shape = [2, 64, 2048];
    expect(checkBoxes(gateUpInterleaved(shape), rowMajor(shape))).toBe(0);
    expect(checkBoxes(rowMajor([16, 32]), shuffleWeight([16, 32], { bits: 8 }))).toBe(0);
  });

  it('keeps one block inside the scratch memory', () => {
    expect(kernels.source.length).toBe(BLOCK_BYTES);
    expect(kernels.target.byteOffset).toBe(BLOCK_BYTES);
  });
});

describe('without WebAssembly', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  it.each([
    ['missing', undefined],
    [
      'forbidden',
      {
        Module: class {
          constructor() {
            throw new Error('blocked by CSP');
          }
        },
      },
    ],
  ])('permutes alike when it is %s', async (_case, replacement) => {
    const { permute } = await import('../../src/layout/permute.ts');
    const cases = [
      { from: rowMajor([32, 4096]), to: shuffleWeight([32, 4096], { bits: 8 }) },
      { from: rowMajor([64, 1024]), to: shuffleScale([64, 1024]) },
    ];
    const fast = cases.map(({ from, to }) => permute(random(from.storageSize), from, to, 8));
    vi.resetModules();
    vi.stubGlobal('WebAssembly', replacement);
    const kernelModule = await import('../../src/layout/wasm-kernels.ts');
    expect(kernelModule.blockKernels()).toBeUndefined();
    const plain = await import('../../src/layout/permute.ts');
    for (const [index, { from, to }] of cases.entries()) {
      const source = random(from.storageSize);
      expect(Buffer.compare(plain.permute(source, from, to, 8), fast[index] as Uint8Array)).toBe(0);
      const shifted = new Uint8Array(source.length + 1).subarray(1);
      shifted.set(source);
      expect(Buffer.compare(plain.permute(shifted, from, to, 8), fast[index] as Uint8Array)).toBe(0);
    }
  });
});
