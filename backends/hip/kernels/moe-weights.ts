import type { Layout } from '../../../src/layout/layout.ts';
import { bindPattern, parsePattern } from '../../../src/layout/notation.ts';
import { w2Family, w13Family } from '../../../src/ops/shared/moe-families.ts';
import type { HipTensor, OpRun } from './kernel.ts';

/** Weights of all experts as the kernels read them: shuffled, with shuffled scales. */
export interface MoeWeights {
  readonly weight: bigint;
  readonly scale: bigint;
  /** Blocks of 16 gate rows and 16 up rows alternate. */
  readonly interleaved: boolean;
}

/** Gate and up weights in any order that the op admits. Orders that are not shuffled are shuffled first, in every run. */
export async function gateUpWeights(run: OpRun, weight: HipTensor, scale: HipTensor): Promise<MoeWeights> {
  const family = w13Family(weight, scale);
  if (family === 'separated' || family === 'interleaved-checkpoint') return shuffled(run, weight, scale);
  return stored(run, weight, scale, family === 'shuffled-guinterleave');
}

export async function downWeights(run: OpRun, weight: HipTensor, scale: HipTensor): Promise<MoeWeights> {
  if (w2Family(weight, scale) === 'separated') return shuffled(run, weight, scale);
  return stored(run, weight, scale, false);
}

function stored(run: OpRun, weight: HipTensor, scale: HipTensor, interleaved: boolean): MoeWeights {
  return { weight: run.address(weight.buffer), scale: run.address(scale.buffer), interleaved };
}

async function shuffled(run: OpRun, weight: HipTensor, scale: HipTensor): Promise<MoeWeights> {
  const weightLayout = tiledWeight(weight.layout.shape);
  const scaleLayout = tiledScale(scale.layout.shape);
  const codes = run.scratch(weightLayout.storageSize / 2, 'shuffled weights', { zeroed: false });
  const scales = run.scratch(scaleLayout.storageSize, 'shuffled scales', { zeroed: false });
  await run.permute(weight.buffer, weight.layout, codes, weightLayout, 4);
  await run.permute(scale.buffer, scale.layout, scales, scaleLayout, 8);
  return { weight: run.address(codes), scale: run.address(scales), interleaved: false };
}

/** `shuffle_weight` of [E, rows, K], but for any K of whole scale blocks. */
export function tiledWeight(shape: readonly number[]): Layout {
  const pattern = parsePattern('(e) n=(n0 n1:16) k=(k0 k1:32) -> e n0 k0 n1 k1');
  return bindPattern(pattern, shape, { id: 'tiles of 16 rows' });
}

/** `shuffle_scale` of [E, rows, K / 32] without padded rows. */
export function tiledScale(shape: readonly number[]): Layout {
  const pattern = parsePattern('(e) m=(m0 m1:2 m2:16) g=(g0 g1:2 g2:4 | pad 8) -> e m0 g0 g2 m2 g1 m1');
  return bindPattern(pattern, shape, { id: 'words of scales' });
}
