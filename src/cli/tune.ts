import { openHip } from '../../backends/hip/index.ts';
import type { GemmSize } from '../../backends/hip/kernels/gemm-tiles.ts';
import type { TilesFile } from '../../backends/hip/tiles-file.ts';
import { type TunedChoice, tuneGemm } from '../../backends/hip/tune.ts';
import { modelLayers } from '../dispatch/models.ts';
import { writeFileAtomic } from '../io/node.ts';
import { EXIT } from './exit-codes.ts';
import { InputError } from './inputs.ts';

export interface TuneCommandOptions {
  readonly model?: string;
  readonly n?: number;
  readonly k?: number;
  readonly m: readonly number[];
  readonly rounds: number;
  readonly out: string;
  /** Writes the file although nothing was measured on a GPU: for tests. */
  readonly emulated?: boolean;
}

/** `preshuffle tune`: measures the tiles of the FP8 multiplication on this GPU and writes the fastest. Returns the exit code. */
export async function tune(options: TuneCommandOptions): Promise<number> {
  const sizes = sizesOf(options);
  const backend = await openHip();
  try {
    const { name, facts } = backend.device;
    process.stdout.write(`${name}\n`);
    if (facts['emulated'] === true && options.emulated !== true) {
      throw new InputError(`${name}: times of an emulation say nothing. Run tune on an AMD GPU.`);
    }
    const gemm: TilesFile['gemm'][number][] = [];
    for (const [index, size] of sizes.entries()) {
      const results = await tuneGemm(backend, size, { rounds: options.rounds });
      process.stdout.write(`${line(size, results)}\n`);
      const [best] = results;
      if (best === undefined || best.isDefault) continue;
      const { tile, parts, together } = best;
      const { N, K, M } = size;
      const before = sizes[index - 1];
      const from = before !== undefined && before.N === N && before.K === K ? before.M + 1 : 1;
      gemm.push({ N, K, from, to: M, tile, parts, together });
    }
    const file: TilesFile = { format: 'preshuffle-hip-tiles-1', device: name, gemm };
    await writeFileAtomic(options.out, new TextEncoder().encode(`${JSON.stringify(file, undefined, 1)}\n`));
    process.stdout.write(`${options.out}: ${gemm.length} choices. Use it with PRESHUFFLE_HIP_TILES=${options.out}\n`);
    return EXIT.ok;
  } finally {
    await backend.dispose();
  }
}

/** Every product, tokens rising within one shape. */
function sizesOf({ model, n, k, m }: TuneCommandOptions): readonly GemmSize[] {
  if ((n === undefined) !== (k === undefined)) throw new InputError('--n and --k belong together.');
  if ((model === undefined) === (n === undefined)) throw new InputError('expected --model, or --n and --k.');
  const shapes = model === undefined ? [{ n: n as number, k: k as number }] : modelLayers(model);
  const distinct = new Map(shapes.map((shape) => [`${shape.n},${shape.k}`, shape]));
  const tokens = [...m].sort((a, b) => a - b);
  return [...distinct.values()].flatMap((shape) => tokens.map((M) => ({ M, N: shape.n, K: shape.k })));
}

function line({ M, N, K }: GemmSize, results: readonly TunedChoice[]): string {
  const [best] = results;
  const table = results.find(({ isDefault }) => isDefault);
  const size = `M ${M}, N ${N}, K ${K}`.padEnd(32);
  if (best === undefined || table === undefined || best.isDefault)
    return `${size} ${table?.microseconds.toFixed(1)} us as the table has it`;
  const { tile, parts, together, microseconds } = best;
  return `${size} ${microseconds.toFixed(1)} us with ${tile}, K in ${parts}, ${together} side by side; ${table.microseconds.toFixed(1)} us by the table`;
}
