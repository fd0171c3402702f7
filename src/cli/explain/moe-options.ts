import { type MoeEnv, moeSetting } from '../../dispatch/moe/env.ts';
import type { GateMode, MoeActivation, MoeQuantMethod } from '../../dispatch/moe/facts.ts';
import type { MoeSpec, MoeWeights } from '../../dispatch/moe/spec.ts';
import { InputError } from '../inputs.ts';

export interface MoeOptions {
  readonly model?: string;
  readonly m: number;
  readonly tp: number;
  readonly rank: number;
  readonly arch: string;
  readonly rules?: string;
  readonly aiter?: string;
  readonly compare?: string;
  readonly weights?: MoeWeights;
  readonly gateMode?: GateMode;
  readonly shuffled?: 'both' | 'w13' | 'w2' | 'none';
  readonly tuned?: string;
  readonly quant?: MoeQuantMethod;
  readonly experts?: number;
  readonly topk?: number;
  readonly hidden?: number;
  readonly inter?: number;
  readonly activation?: MoeActivation;
  readonly swigluLimit?: number;
  readonly checkpoint?: 'interleaved' | 'separated';
  readonly bias?: boolean;
  readonly set?: readonly string[];
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** The spec that the options describe; what was not said stays out of it. */
export function moeSpecOf(options: MoeOptions): MoeSpec {
  const { m, tp, rank, arch, shuffled, tuned, set } = options;
  const said = withoutUndefined({
    model: options.model,
    experts: options.experts,
    topk: options.topk,
    hidden: options.hidden,
    inter: options.inter,
    activation: options.activation,
    swigluLimit: options.swigluLimit,
    bias: options.bias,
    checkpoint: options.checkpoint,
    quant: options.quant,
    rules: options.rules,
    aiter: options.aiter,
    weights: options.weights,
    gateMode: options.gateMode,
    isShuffled: shuffled === undefined ? undefined : FLAGS[shuffled],
    tuned: tuned === undefined ? undefined : tunedOf(tuned),
    env: set === undefined ? undefined : envOf(set),
  });
  return { m, arch, ...(tp === 1 ? {} : { tp }), ...(rank === 0 ? {} : { rank }), ...said };
}

const FLAGS = {
  both: { w13: true, w2: true },
  w13: { w13: true, w2: false },
  w2: { w13: false, w2: true },
  none: { w13: false, w2: false },
} as const;

function tunedOf(text: string): NonNullable<MoeSpec['tuned']> {
  if (text === 'none') return 'none';
  const [stage1 = '', stage2 = '', ...rest] = text.split(',').map((name) => name.trim());
  if (stage1 === '' || rest.length > 0) {
    throw new InputError(`--tuned is "${text}", expected none, or the kernels of stage 1 and 2, separated by a comma.`);
  }
  return { stage1, stage2 };
}

function envOf(settings: readonly string[]): Partial<MoeEnv> {
  return Object.assign({}, ...settings.map(setting)) as Partial<MoeEnv>;
}

function setting(text: string): Partial<MoeEnv> {
  const at = text.indexOf('=');
  if (at < 1) throw new InputError(`--set ${text}: expected name=value.`);
  return moeSetting(text.slice(0, at), text.slice(at + 1));
}

function withoutUndefined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
