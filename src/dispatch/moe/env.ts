import { ParameterError } from '../../errors.ts';
import { GFX950_CU } from './heuristics.ts';

/** Settings of a process that decide which kernels run. */
export interface MoeEnv {
  readonly useAiter: boolean;
  /** Undefined: not set. */
  readonly guItlv: boolean | undefined;
  readonly atomGuItlv: boolean;
  /** `--moe-runner-backend`. */
  readonly runner: string;
  readonly swigluBf16Bound: number;
  readonly bf16Fp8Bound: number;
  readonly flydslForce: boolean;
  /** Undefined: not set. */
  readonly ksplit: number | undefined;
  readonly bypassTune: boolean;
  readonly situv2A8w4: boolean;
  readonly situv2A4w4: boolean;
  readonly forceA8w4: boolean;
  /** FlyDSL is installed. */
  readonly flydsl: boolean;
  /** Compute units of the device. */
  readonly cu: number;
}

/** With AITER on, and everything else as it comes. */
export const MOE_ENV_DEFAULTS: MoeEnv = {
  useAiter: true,
  guItlv: undefined,
  atomGuItlv: false,
  runner: 'auto',
  swigluBf16Bound: 256,
  bf16Fp8Bound: 256,
  flydslForce: true,
  ksplit: undefined,
  bypassTune: false,
  situv2A8w4: false,
  situv2A4w4: false,
  forceA8w4: false,
  flydsl: true,
  cu: GFX950_CU,
};

/** A variable of the process, and what it does to an MXFP4 mixture of experts. */
export interface MoeVariable {
  readonly name: string;
  /** As upstream has it. */
  readonly initial: string;
  /** The setting here; undefined: it changes neither kernel nor layout. */
  readonly fact?: keyof MoeEnv;
  readonly effect: string;
}

export const MOE_VARIABLES: readonly MoeVariable[] = [
  {
    name: 'SGLANG_USE_AITER',
    initial: 'False',
    fact: 'useAiter',
    effect: 'AITER runs the experts. Plans are made for that, so it is on here unless it is turned off.',
  },
  {
    name: 'SGLANG_USE_AITER_MOE_GU_ITLV',
    initial: 'True',
    fact: 'guItlv',
    effect: 'INTERLEAVE, else SEPARATED; shuffle and gate_mode read it apart from each other',
  },
  {
    name: 'ATOM_MOE_GU_ITLV',
    initial: '0',
    fact: 'atomGuItlv',
    effect: 'the same in ATOM: shuffle and gate_mode together',
  },
  {
    name: 'GPTOSS_SWIGLU_MXFP4_BF16_BOUND',
    initial: '256',
    fact: 'swigluBf16Bound',
    effect: 'SEPARATED Swiglu: bf16 below, fp4 from there on; 99999 is always CK-Tile',
  },
  {
    name: 'AITER_BF16_FP8_MOE_BOUND',
    initial: '256',
    fact: 'bf16Fp8Bound',
    effect: 'INTERLEAVE: bf16 below, fp8 from there on; 0 is always fp8',
  },
  { name: 'AITER_FLYDSL_FORCE', initial: '1', fact: 'flydslForce', effect: 'FlyDSL for Silu without a tuned row' },
  { name: 'AITER_KSPLIT', initial: '', fact: 'ksplit', effect: 'parts of K; -1 leaves the tuned value out' },
  { name: 'AITER_BYPASS_TUNE_CONFIG', initial: '0', fact: 'bypassTune', effect: 'tuned rows are not looked up' },
  { name: 'AITER_SITUV2_A8W4', initial: '0', fact: 'situv2A8w4', effect: 'Situv2 with fp8 activations' },
  { name: 'AITER_SITUV2_A4W4', initial: '0', fact: 'situv2A4w4', effect: 'Situv2 with fp4 activations' },
  { name: 'AITER_FORCE_A8W4', initial: '0', fact: 'forceA8w4', effect: 'gfx1250: fp8 activations' },
  { name: 'AITER_MOE_A8W4_BYPASS_QUANT', initial: '0', effect: 'debug: casts to fp8 with scales of 1' },
  { name: 'AITER_CONFIG_FMOE', initial: '', effect: 'another file of tuned rows: give its kernel names as "tuned"' },
  { name: 'AITER_ONLINE_TUNE', initial: '0', effect: 'measures kernels and writes rows' },
  { name: 'AITER_USE_NT', initial: '', effect: 'non-temporal loads of the weights' },
  { name: 'AITER_FLYDSL_STAGE2_FP8', initial: '', effect: 'fp8 in stage 2 of FlyDSL' },
  { name: 'AITER_MXFP4_INTERMEDIATE', initial: '', effect: 'type of the result of stage 1' },
  { name: 'AITER_USE_CK_MOE_SORTING', initial: '', effect: 'who sorts; all write the same format' },
  { name: 'AITER_USE_FLYDSL_MOE_SORTING', initial: '', effect: 'who sorts' },
  { name: 'AITER_MOE_SORT_BACKEND', initial: 'auto', effect: 'who sorts' },
  { name: 'SGLANG_AITER_FUSE_RMSNORM_PAD', initial: '', effect: 'the RMSNorm writes padded rows' },
  { name: 'SGLANG_AITER_MOE_SORTING_DISPATCH_POLICY', initial: '', effect: 'how sorting is launched' },
];

export const MOE_ENV_NAMES: readonly (keyof MoeEnv)[] = Object.keys(MOE_ENV_DEFAULTS) as (keyof MoeEnv)[];

/**
 * Reads one setting, by its name here or that of its variable.
 * @param text `true`, `false`, `1`, `0` for a switch, otherwise a number or a name
 * @throws ParameterError for a name or a value that is not known
 */
export function moeSetting(name: string, text: string): Partial<MoeEnv> {
  const variable = MOE_VARIABLES.find((one) => one.name === name);
  if (variable !== undefined && variable.fact === undefined) {
    throw new ParameterError('planMoe', name, `changes neither kernel nor layout (${variable.effect}). Leave it away.`);
  }
  const fact = variable?.fact ?? MOE_ENV_NAMES.find((one) => one === name);
  if (fact === undefined) {
    throw new ParameterError(
      'planMoe',
      name,
      `is not known, expected one of ${MOE_ENV_NAMES.join(', ')}, or a variable.`,
    );
  }
  if (fact === 'runner') return { runner: text };
  if (NUMBERS.has(fact)) {
    if (!/^-?\d+$/.test(text)) throw new ParameterError('planMoe', name, `is "${text}", expected an integer.`);
    return { [fact]: Number(text) };
  }
  const value = SWITCH[text.toLowerCase()];
  if (value === undefined) throw new ParameterError('planMoe', name, `is "${text}", expected true or false.`);
  return { [fact]: value };
}

const NUMBERS: ReadonlySet<string> = new Set(['swigluBf16Bound', 'bf16Fp8Bound', 'ksplit', 'cu']);
const SWITCH: Readonly<Record<string, boolean>> = { true: true, false: false, '1': true, '0': false };
