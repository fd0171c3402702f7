import { ParameterError } from '../errors.ts';

/** A GPU architecture as far as the dispatch rules care. */
export interface ArchFacts {
  readonly id: string;
  readonly platform: 'hip' | 'cuda';
  /** The fp8 format of its matrix instructions as the source selects it; undefined: none. */
  readonly fp8: 'e4m3fn' | 'e4m3fnuz' | undefined;
  /** `gfx95*`: MI350 and MI355. */
  readonly gfx95: boolean;
  /** AITER ships compiled HIP kernels for it; otherwise its wrappers run Triton. */
  readonly aiterPrebuilt: boolean;
  /** Compute capability times ten, 0 on AMD. */
  readonly computeCapability: number;
}

const amd = (id: string, fp8: ArchFacts['fp8'], aiterPrebuilt: boolean): ArchFacts => ({
  id,
  platform: 'hip',
  fp8,
  gfx95: id.startsWith('gfx95'),
  aiterPrebuilt,
  computeCapability: 0,
});

const nvidia = (id: string, computeCapability: number): ArchFacts => ({
  id,
  platform: 'cuda',
  fp8: computeCapability >= 89 ? 'e4m3fn' : undefined,
  gfx95: false,
  aiterPrebuilt: false,
  computeCapability,
});

/** Source: AITER `aiter.dtypes.fp8` and the architectures of its compiled objects; DeepGEMM's and SGLang's capability tests. */
const ARCHS: readonly ArchFacts[] = [
  amd('gfx942', 'e4m3fnuz', true),
  amd('gfx950', 'e4m3fn', true),
  amd('gfx1100', 'e4m3fn', false),
  amd('gfx1101', 'e4m3fn', false),
  amd('gfx1102', 'e4m3fn', false),
  amd('gfx1151', 'e4m3fn', false),
  amd('gfx1200', 'e4m3fn', false),
  amd('gfx1201', 'e4m3fn', false),
  amd('gfx1250', 'e4m3fn', true),
  nvidia('sm89', 89),
  nvidia('sm90', 90),
  nvidia('sm100', 100),
  nvidia('sm120', 120),
];

export const ARCH_NAMES: readonly string[] = ARCHS.map(({ id }) => id);

/** @throws ParameterError naming the known ones */
export function archFacts(id: string): ArchFacts {
  const found = ARCHS.find((arch) => arch.id === id);
  if (found !== undefined) return found;
  throw new ParameterError('dispatch', 'arch', `is "${id}", expected one of ${ARCH_NAMES.join(', ')}.`);
}
