import type { GateMode, MoeQuantMethod } from '../moe/facts.ts';
import type { MoeLoaderVersion } from '../moe/versions.ts';
import type { DecisionTable, Rule } from '../rule.ts';

/** What decides SGLANG_USE_AITER_MOE_GU_ITLV. */
export interface GuItlvFacts {
  /** Architecture of the model is GptOssForCausalLM. */
  readonly gptOss: boolean;
  readonly platform: 'hip' | 'cuda';
  /** SGLANG_USE_AITER. */
  readonly useAiter: boolean;
  readonly quant: MoeQuantMethod;
  /** `--moe-runner-backend`. */
  readonly runner: string;
  /** SGLANG_USE_AITER_MOE_GU_ITLV as it was set; undefined: it was not. */
  readonly guItlv: boolean | undefined;
}

export type GuItlvChoice = 'on' | 'off';

type G = Rule<GuItlvFacts, GuItlvChoice>;

const ENVIRON = 'SGLang environ.py';

const set: readonly G[] = [
  {
    id: 'set-off',
    when: [
      { fact: 'guItlv', known: true },
      { fact: 'guItlv', is: false },
    ],
    choice: 'off',
    reason: 'the variable is set',
    origin: ENVIRON,
  },
  { id: 'default', when: [], choice: 'on', reason: 'its default, or set', origin: ENVIRON },
];

const offForGptOss: G = {
  id: 'gpt-oss',
  when: [
    { fact: 'gptOss', is: true },
    { fact: 'platform', is: 'hip' },
    { fact: 'useAiter', is: true },
    { fact: 'quant', is: 'mxfp4' },
    { fact: 'runner', is: 'auto' },
  ],
  choice: 'off',
  reason: 'server_args turns it off for GPT-OSS in MXFP4: its weights are shuffled separately from here on',
  origin: 'SGLang PR 26884 server_args.py _handle_model_specific_adjustments',
};

export const guItlv: DecisionTable<GuItlvFacts, GuItlvChoice, Exclude<MoeLoaderVersion, 'atom'>> = {
  id: 'moe.gu-itlv',
  question: 'Is SGLANG_USE_AITER_MOE_GU_ITLV on for this model?',
  choices: { on: 'the runner asks for INTERLEAVE', off: 'the runner asks for SEPARATED' },
  notes: [
    'Whether PR 26884 also overrode a variable that was set was not read; the rule here does.',
    'PR 27201 commented the GPT-OSS line out, so the default is on again.',
    'Shuffle and gate_mode read the variable in different places: changing it after the weights are loaded is a mismatch.',
  ],
  versions: { 'before-26884': set, 'pr-26884': [offForGptOss, ...set], 'pr-27201': set, current: set },
};

/** What decides the gate_mode of a call. */
export interface GateModeFacts {
  /** SGLang: the effective SGLANG_USE_AITER_MOE_GU_ITLV. ATOM: ATOM_MOE_GU_ITLV. */
  readonly guItlv: boolean;
  /** The layer has a swiglu_limit above 0. */
  readonly hasSwigluLimit: boolean;
  /** AITER exposes GateMode (since PR 3123). */
  readonly aiterGateMode: boolean;
}

/** `not-passed` is SEPARATED, AITER's default. */
export type GateModeChoice = GateMode | 'not-passed';

type M = Rule<GateModeFacts, GateModeChoice>;

const RUNNER = 'SGLang layers/moe/moe_runner/aiter.py AiterRunnerCore.run';

const noGateMode: M = {
  id: 'aiter-without-gate-mode',
  when: [{ fact: 'aiterGateMode', is: false }],
  choice: 'not-passed',
  reason: 'this AITER has no GateMode',
  origin: RUNNER,
};

const noLimit: M = {
  id: 'no-swiglu-limit',
  when: [{ fact: 'hasSwigluLimit', is: false }],
  choice: 'not-passed',
  reason: 'gate_mode goes along with swiglu_limit only, and this layer has none',
  origin: 'SGLang PR 26884 moe_runner/aiter.py',
};

const byVariable = (variable: string, origin: string): readonly M[] => [
  {
    id: 'interleave',
    when: [{ fact: 'guItlv', is: true }],
    choice: 'INTERLEAVE',
    reason: `${variable} is on`,
    origin,
  },
  { id: 'separated', when: [], choice: 'SEPARATED', reason: `${variable} is off`, origin },
];

const SGLANG_VARIABLE = 'SGLANG_USE_AITER_MOE_GU_ITLV';

export const gateMode: DecisionTable<GateModeFacts, GateModeChoice, MoeLoaderVersion> = {
  id: 'moe.gate-mode',
  question: "Which gate_mode does AITER's fused_moe get?",
  choices: {
    'not-passed': 'none is passed: SEPARATED, which is the default',
    SEPARATED: 'gate columns, then up columns: w13 must be L2',
    INTERLEAVE: '16 gate columns, 16 up columns, …: w13 must be L3',
  },
  notes: [
    'gate_mode is a wish: with a tuned FlyDSL row, the name of the kernel decides which order is read.',
    'That PR 27201 left the test of swiglu_limit in place is inferred; both were read only before and after.',
  ],
  versions: {
    'before-26884': [
      {
        id: 'never',
        when: [],
        choice: 'not-passed',
        reason: 'the runner does not know gate_mode',
        origin: `${RUNNER} before PR 26884`,
      },
    ],
    'pr-26884': [noGateMode, noLimit, ...byVariable(SGLANG_VARIABLE, 'SGLang PR 26884 moe_runner/aiter.py')],
    'pr-27201': [noGateMode, noLimit, ...byVariable(SGLANG_VARIABLE, 'SGLang PR 26884 moe_runner/aiter.py')],
    current: [noGateMode, ...byVariable(SGLANG_VARIABLE, RUNNER)],
    atom: [noGateMode, ...byVariable('ATOM_MOE_GU_ITLV', 'ATOM atom/model_ops/moe.py Mxfp4MoEMethod')],
  },
};
