import { decodeArray } from '../../src/formats/decode.ts';
import { logitsDiff } from '../../src/golden/logits-diff.ts';
import { scaleTransposedView } from '../../src/layout/activation-scale.ts';
import { shuffleWeight } from '../../src/layout/catalog.ts';
import { rowMajor } from '../../src/layout/plain.ts';
import { asBytes, tensor } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asU16 } from '../../src/tensor/views.ts';
import type { Backend, DeviceTensor } from '../backend.ts';
import {
  GEMM_TILES,
  type GemmChoice,
  type GemmSize,
  type GemmTileName,
  overrideGemmTiles,
} from './kernels/gemm-tiles.ts';

/** A way to run one product, and what it took. */
export interface TunedChoice extends GemmChoice {
  readonly microseconds: number;
  /** What the built-in table chooses. */
  readonly isDefault: boolean;
}

export interface TuneOptions {
  /** Measurements of each candidate; the median counts. Default 9. */
  readonly rounds?: number;
  /** Launches that are queued in one measurement. Default 20. */
  readonly batch?: number;
}

const BLOCK = 128;
const OP = 'gemm_a8w8_blockscale_bpreshuffle';

/** Results of candidates may differ in their last bits, by the order of addition. */
const MOST_DIFFERENCE = 1e-5;

/**
 * Measures every tile, with K in one part and in several, for one product of `gemm_a8w8_blockscale_bpreshuffle`. Times include what the
 * host does for a launch and the allocation of y, the same for all. A candidate whose result differs is left out.
 *
 * @returns the fastest first
 */
export async function tuneGemm(
  backend: Backend,
  size: GemmSize,
  options: TuneOptions = {},
): Promise<readonly TunedChoice[]> {
  const { rounds = 9, batch = 20 } = options;
  const operands = await upload(backend, size);
  const results: TunedChoice[] = [];
  const before = overrideGemmTiles([]);
  try {
    const expected = await result(backend, operands);
    results.push({ ...DEFAULT, microseconds: await measured(backend, operands, rounds, batch), isDefault: true });
    for (const choice of candidates(size)) {
      const { M, N, K } = size;
      overrideGemmTiles([{ N, K, from: M, to: M, ...choice }]);
      if (logitsDiff(expected, await result(backend, operands)) > MOST_DIFFERENCE) continue;
      results.push({ ...choice, microseconds: await measured(backend, operands, rounds, batch), isDefault: false });
    }
  } finally {
    overrideGemmTiles(before);
    for (const handle of Object.values(operands)) backend.free(handle);
  }
  return results.sort((a, b) => a.microseconds - b.microseconds);
}

/** Stands for whatever the table says. */
const DEFAULT: GemmChoice = { tile: '16x32', parts: 0, together: 0 };

/** Tiles no more than twice as high as M, with K in 1, 2, 4, … parts of at least four blocks. */
function candidates({ M, K }: GemmSize): readonly GemmChoice[] {
  const most = Math.max(1, Math.floor(K / BLOCK / 4));
  const names = (Object.keys(GEMM_TILES) as GemmTileName[]).filter((name) => {
    const { rows, scalings } = GEMM_TILES[name];
    return scalings.includes('blocks') && (rows <= 64 || rows <= 2 * M) && (rows > 16 || M <= 128);
  });
  return names.flatMap((tile) => {
    const together = GEMM_TILES[tile].rows >= 128 ? [1, 4, 8] : [4];
    const parts = [1, 2, 4, 8, 16, 32].filter((count) => count <= most);
    return parts.flatMap((count) => together.map((side) => ({ tile, parts: count, together: side })));
  });
}

type Operands = Readonly<Record<string, DeviceTensor>>;

async function upload(backend: Backend, { M, N, K }: GemmSize): Promise<Operands> {
  const groups = Math.ceil(K / BLOCK);
  const codes = (count: number, step: number): Uint8Array =>
    Uint8Array.from({ length: count }, (_, index) => {
      const code = (index * step + (index >> 7)) & 0xff;
      return (code & 0x7f) >= 0x70 ? code & 0x8f : code;
    });
  const scales = (count: number): Uint8Array =>
    asBytes(Float32Array.from({ length: count }, (_, index) => 0.01 * (1 + (index % 7))));
  const given: Readonly<Record<string, Tensor>> = {
    x: tensor('x', 'e4m3fn', rowMajor([M, K]), codes(M * K, 37)),
    w: tensor('w', 'e4m3fn', shuffleWeight([N, K], { bits: 8 }), codes(N * K, 11)),
    x_scale: tensor('x_scale', 'f32', scaleTransposedView([M, groups]), scales(M * groups), 'f32'),
    w_scale: tensor(
      'w_scale',
      'f32',
      rowMajor([Math.ceil(N / BLOCK), groups]),
      scales(Math.ceil(N / BLOCK) * groups),
      'f32',
    ),
  };
  const handles: Record<string, DeviceTensor> = {};
  for (const [name, source] of Object.entries(given)) handles[name] = await backend.upload(source);
  return handles;
}

async function result(backend: Backend, operands: Operands): Promise<Float32Array> {
  const { y } = await backend.runOnDevice(OP, { out: 'bf16' }, operands);
  const values = decodeArray('bf16', asU16(await backend.download(y as DeviceTensor)));
  backend.free(y as DeviceTensor);
  return values;
}

/** Median microseconds of a launch. */
async function measured(backend: Backend, operands: Operands, rounds: number, batch: number): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const outputs: DeviceTensor[] = [];
    const start = performance.now();
    for (let launch = 0; launch < batch; launch += 1)
      outputs.push((await backend.runOnDevice(OP, { out: 'bf16' }, operands))['y'] as DeviceTensor);
    await backend.download(outputs.at(-1) as DeviceTensor);
    times.push(((performance.now() - start) * 1000) / batch);
    for (const output of outputs) backend.free(output);
  }
  return times.toSorted((a, b) => a - b)[times.length >> 1] as number;
}
