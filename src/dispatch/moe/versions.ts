import { ParameterError } from '../../errors.ts';

/** States of the code that loads a mixture of experts and calls AITER: SGLang's, oldest first, and ATOM's. */
export type MoeLoaderVersion = 'before-26884' | 'pr-26884' | 'pr-27201' | 'current' | 'atom';

/** States of AITER's fused MoE dispatch, oldest first. */
export type AiterVersion = 'before-3123' | 'pr-3123' | 'pr-3401' | 'pr-3212' | 'pr-3518' | 'current';

export interface MoeVersionFacts<V extends string> {
  readonly id: V;
  /** When it was merged or read. */
  readonly date?: string;
  readonly what: string;
}

/** A loader and the AITER that it was used with. */
export interface MoeLoaderFacts extends MoeVersionFacts<MoeLoaderVersion> {
  readonly aiter: AiterVersion;
}

export const MOE_LOADER_VERSIONS: readonly MoeLoaderFacts[] = [
  {
    id: 'before-26884',
    date: '2026-06-01',
    what: 'SGLang: gate and up shuffled side by side (L3), no gate_mode passed, is_shuffled lost. GPT-OSS at 0.21 on GSM8K',
    aiter: 'pr-3401',
  },
  {
    id: 'pr-26884',
    date: '2026-06-02',
    what: 'SGLang: separated shuffle (L2), gate_mode passed, is_shuffled set; SEPARATED chosen for GPT-OSS. 0.88',
    aiter: 'pr-3212',
  },
  {
    id: 'pr-27201',
    date: '2026-06-06',
    what: 'SGLang: INTERLEAVE (L3) for GPT-OSS again, because a4w4 was wrong with 2, 4 and 8 ranks (0.04)',
    aiter: 'pr-3212',
  },
  { id: 'current', date: '2026-08', what: 'SGLang: gate_mode is passed whenever AITER has one', aiter: 'current' },
  { id: 'atom', date: '2026-08', what: 'ATOM: one switch for shuffle and gate_mode together', aiter: 'current' },
];

export const AITER_VERSIONS: readonly MoeVersionFacts<AiterVersion>[] = [
  { id: 'before-3123', date: '2026-05-11', what: 'no gate_mode; Swiglu reads side-by-side weights (L3) only' },
  { id: 'pr-3123', date: '2026-05-12', what: 'gate_mode; without one, Swiglu now reads separated weights (L2)' },
  { id: 'pr-3401', date: '2026-05-30', what: 'FlyDSL gets no pads when a bias is given' },
  { id: 'pr-3212', date: '2026-06-02', what: 'scales of quantised activations round up' },
  { id: 'pr-3518', date: '2026-06-29', what: 'Swiglu that nothing else takes goes to CK-Tile, not to CK' },
  { id: 'current', date: '2026-08-22', what: 'aiter e4048607a5' },
];

/** @throws ParameterError naming the known ones */
export function moeLoader(version: string): MoeLoaderFacts {
  return found('rules', version, MOE_LOADER_VERSIONS);
}

/** @throws ParameterError naming the known ones */
export function aiterVersion(version: string): AiterVersion {
  return found('aiter', version, AITER_VERSIONS).id;
}

/** Whether this AITER contains a change that came with that version. */
export function aiterHas(version: AiterVersion, change: AiterVersion): boolean {
  const order = AITER_VERSIONS.map(({ id }) => id);
  return order.indexOf(version) >= order.indexOf(change);
}

function found<F extends { readonly id: string }>(parameter: string, version: string, known: readonly F[]): F {
  const one = known.find(({ id }) => id === version);
  if (one !== undefined) return one;
  throw new ParameterError(
    'planMoe',
    parameter,
    `is "${version}", expected one of ${known.map(({ id }) => id).join(', ')}.`,
  );
}
