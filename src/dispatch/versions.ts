import { ParameterError } from '../errors.ts';

/** States of SGLang's code on AMD that the rules know, oldest first. */
export type HipVersion = 'dec-2025' | 'pr-23319' | 'pr-23671' | 'pr-27289' | 'v0.5.15' | 'current';

/** States of SGLang's code on NVIDIA that the rules know, oldest first. */
export type CudaVersion = 'before-22300' | 'pr-22300' | 'current';

export type RulesVersion = HipVersion | CudaVersion;

export interface VersionFacts {
  readonly id: RulesVersion;
  readonly platforms: readonly ('hip' | 'cuda')[];
  /** When it was merged or read, where that is known. */
  readonly date?: string;
  readonly what: string;
}

export const VERSIONS: readonly VersionFacts[] = [
  { id: 'dec-2025', platforms: ['hip'], date: '2025-12', what: 'plain CK kernel for every shape, row-major scales' },
  {
    id: 'pr-23319',
    platforms: ['hip'],
    date: '2026-04-23',
    what: 'preshuffled kernel on gfx95, whatever the ROCm version; a given scale is transposed with a copy',
  },
  { id: 'pr-23671', platforms: ['hip'], date: '2026-04', what: 'the preshuffled kernel needs ROCm 7.2' },
  {
    id: 'pr-27289',
    platforms: ['hip'],
    what: 'fused producers write transposed scales; the preshuffled kernel takes them as they are, Triton relabels them',
  },
  {
    id: 'v0.5.15',
    platforms: ['hip'],
    what: 'producers write row-major scales again; the preshuffled kernel copies them (PR 29275, 30724)',
  },
  { id: 'before-22300', platforms: ['cuda'], what: 'weights are requantised whatever the output type' },
  {
    id: 'pr-22300',
    platforms: ['cuda'],
    date: '2026-04',
    what: 'weights are requantised to UE8M0 only where DeepGEMM will read them',
  },
  {
    id: 'current',
    platforms: ['hip', 'cuda'],
    date: '2026-09',
    what: 'safe-M table before ROCm 7.2, column-major scales without a copy; UE8M0 not on SM120',
  },
];

/** @throws ParameterError naming the versions of that platform */
export function requireHipVersion(version: string): HipVersion {
  return requireVersionOf('hip', version) as HipVersion;
}

/** @throws ParameterError naming the versions of that platform */
export function requireCudaVersion(version: string): CudaVersion {
  return requireVersionOf('cuda', version) as CudaVersion;
}

function requireVersionOf(platform: 'hip' | 'cuda', version: string): RulesVersion {
  const known = VERSIONS.filter(({ platforms }) => platforms.includes(platform));
  const found = known.find(({ id }) => id === version);
  if (found !== undefined) return found.id;
  throw new ParameterError(
    'dispatch',
    'rules',
    `is "${version}", expected one of ${known.map(({ id }) => id).join(', ')} on ${platform === 'hip' ? 'AMD' : 'NVIDIA'}.`,
  );
}
