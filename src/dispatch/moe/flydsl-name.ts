import { PreshuffleError } from '../../errors.ts';

/**
 * The name of a FlyDSL MoE kernel, taken apart. Nothing else says which order of w13 a tuned kernel reads: the caller's gate_mode
 * is not asked.
 */
export interface FlydslKernel {
  readonly name: string;
  readonly stage: 1 | 2;
  readonly activations: 'fp4' | 'fp8' | 'bf16';
  readonly weights: 'fp4' | 'fp8' | 'int4';
  readonly out: 'bf16' | 'f16';
  /** Rows of sorted tokens, columns and K of a tile; undefined where the name has a `*`. */
  readonly tile: { readonly m: number | undefined; readonly n: number | undefined; readonly k: number | undefined };
  /** Which order the kernel reads. Stage 1: `interleave` (L3) with `_gui`, else `separated` (L2). Stage 2: always `separated`. */
  readonly reads: 'separated' | 'interleave';
  /** `_fp4`, `_fp8`: stage 1 quantises its result itself, from f32. */
  readonly fusedQuant: 'fp4' | 'fp8' | undefined;
  /** `_atomic` or `_reduce`: how stage 2 adds the slots of a token. */
  readonly sum: 'atomic' | 'reduce' | undefined;
  /** `_go`: one stream over gate and up. */
  readonly mockGateOnly: boolean;
  readonly persistent: boolean;
  /** `_w`, `_kb`, `_bnt`, `_xcd`, `_kw`, `_sbm` with their numbers. */
  readonly options: Readonly<Partial<Record<FlydslOption, number>>>;
}

/** Waves a compute unit, K batches, non-temporal loads of B, dies, waves along K, sorting block. */
export type FlydslOption = 'w' | 'kb' | 'bnt' | 'xcd' | 'kw' | 'sbm';

/** A name that looks like a FlyDSL kernel and does not follow the grammar. */
export class FlydslNameError extends PreshuffleError {
  readonly kernel: string;

  constructor(name: string, problem: string) {
    super(
      'flydsl-name',
      `"${name}" is no FlyDSL MoE kernel: ${problem}. Expected ` +
        'flydsl_moe{1|2}_a{fp4|fp8|bf16}_w{fp4|fp8|int4}_{bf16|f16}_t{M}x{N}x{K} and suffixes such as _w2, _gui, _fp4, _atomic.',
    );
    this.kernel = name;
  }
}

const HEAD =
  /^flydsl_moe([12])_a(fp4|fp8|bf16)_w(fp4|fp8|int4)_(bf16|f16)_t(\d+|\*)x(\d+|\*)x(\d+|\*)((?:_[a-z0-9]+)*)$/;
const NUMBERED = /^(w|kb|bnt|xcd|kw|sbm)(\d+)$/;

/**
 * Takes the name of a FlyDSL MoE kernel apart. Suffixes may come in any order, each once. A tile size may be `*`: a table that
 * gives no size.
 *
 * Source: AITER aiter/ops/flydsl/moe_kernels.py.
 * @throws FlydslNameError
 */
export function parseFlydslName(name: string): FlydslKernel {
  const match = HEAD.exec(name);
  if (match === null) throw new FlydslNameError(name, 'it does not follow the grammar');
  const [, stageText, activations, weights, out, m, n, k, tail = ''] = match;
  const stage = stageText === '1' ? 1 : 2;
  const flags = new Set<string>();
  const options: Partial<Record<FlydslOption, number>> = {};
  for (const suffix of tail.split('_').slice(1)) {
    const numbered = NUMBERED.exec(suffix);
    const key = numbered?.[1] ?? suffix;
    if (numbered === null && !FLAGS.has(suffix))
      throw new FlydslNameError(name, `the suffix "_${suffix}" is not known`);
    if (flags.has(key)) throw new FlydslNameError(name, `the suffix "_${key}" comes twice`);
    flags.add(key);
    if (numbered !== null) options[key as FlydslOption] = Number(numbered[2]);
  }
  for (const [one, other] of EXCLUSIVE) {
    if (flags.has(one) && flags.has(other)) throw new FlydslNameError(name, `it has both "_${one}" and "_${other}"`);
  }
  const has = <T extends string>(...wanted: readonly T[]): T | undefined => wanted.find((flag) => flags.has(flag));
  if (stage === 1 && has('atomic', 'reduce')) throw new FlydslNameError(name, 'stage 1 adds nothing up');
  return {
    name,
    stage,
    activations: activations as FlydslKernel['activations'],
    weights: weights as FlydslKernel['weights'],
    out: out as FlydslKernel['out'],
    tile: { m: size(m), n: size(n), k: size(k) },
    reads: stage === 1 && flags.has('gui') ? 'interleave' : 'separated',
    fusedQuant: has('fp4', 'fp8'),
    sum: has('atomic', 'reduce'),
    mockGateOnly: flags.has('go'),
    persistent: flags.has('persist'),
    options,
  };
}

const FLAGS: ReadonlySet<string> = new Set(['atomic', 'reduce', 'go', 'gui', 'fp4', 'fp8', 'persist']);

const EXCLUSIVE = [
  ['atomic', 'reduce'],
  ['fp4', 'fp8'],
  ['go', 'gui'],
] as const;

function size(text: string | undefined): number | undefined {
  return text === undefined || text === '*' ? undefined : Number(text);
}

/** What a kernel name of a tuned configuration stands for. */
export type TunedKind = 'none' | 'mxmoe' | 'flydsl' | 'opus' | 'ck2stages' | 'foreign';

/** Tells a kernel name of a tuned configuration by its beginning, as the dispatcher does. */
export function tunedKind(name: string | undefined): TunedKind {
  if (name === undefined || name === '') return 'none';
  if (name.startsWith('flydsl_mxmoe_')) return 'mxmoe';
  if (name.startsWith('flydsl_')) return 'flydsl';
  if (name.startsWith('opus_moe')) return 'opus';
  return name.includes('ck2stages') ? 'ck2stages' : 'foreign';
}
