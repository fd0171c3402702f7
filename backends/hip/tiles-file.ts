import { ParameterError } from '../../src/errors.ts';
import { GEMM_TILES, type GemmOverride } from './kernels/gemm-tiles.ts';

/** Names the file of measured tiles that `preshuffle tune` wrote. */
export const TILES_VARIABLE = 'PRESHUFFLE_HIP_TILES';

/** Measured choices of one device. */
export interface TilesFile {
  readonly format: 'preshuffle-hip-tiles-1';
  /** The device that they were measured on. */
  readonly device: string;
  readonly gemm: readonly GemmOverride[];
}

/**
 * Reads the text of a tiles file.
 * @param name of the file, for errors
 * @throws ParameterError naming the entry that is wrong
 */
export function parseTiles(text: string, name: string): TilesFile {
  let parsed: Partial<TilesFile>;
  try {
    parsed = JSON.parse(text) as Partial<TilesFile>;
  } catch (error) {
    throw wrong(name, `is no JSON (${String(error)})`);
  }
  if (parsed.format !== 'preshuffle-hip-tiles-1')
    throw wrong(name, `has format ${JSON.stringify(parsed.format)}, expected "preshuffle-hip-tiles-1"`);
  const { gemm = [], device = '' } = parsed;
  for (const [index, entry] of gemm.entries()) {
    const sizes = [entry.N, entry.K, entry.from, entry.to, entry.parts ?? 1, entry.together ?? 1];
    if (sizes.every((size) => Number.isSafeInteger(size) && size > 0) && isTile(entry)) continue;
    throw wrong(
      name,
      `has entry ${index}: ${JSON.stringify(entry)}, expected positive N, K, from, to, parts, together and a tile of ${Object.keys(GEMM_TILES).join(', ')}`,
    );
  }
  return { format: parsed.format, device, gemm };
}

function isTile({ tile }: GemmOverride): boolean {
  return tile === undefined || Object.hasOwn(GEMM_TILES, tile);
}

function wrong(name: string, problem: string): ParameterError {
  return new ParameterError('hip', TILES_VARIABLE, `${name} ${problem}. Write it again with "preshuffle tune".`);
}
