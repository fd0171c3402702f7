import { ParameterError } from '../errors.ts';
import type { KernelCall } from '../ops/kernel-call.ts';
import { definitionOf, OP_NAMES, type OpName } from '../ops/registry.ts';
import { fusedProbes } from './fused-probes.ts';
import { gemmProbes } from './gemm-probes.ts';
import { moeProbes } from './moe-probes.ts';
import {
  type ChoiceName,
  type OpProbe,
  PROBE_DATA,
  PROBE_LAYOUTS,
  type ProbeChoices,
  type ProbeData,
} from './probe.ts';
import { quantProbes } from './quant-probes.ts';
import { routeProbes } from './route-probes.ts';
import { scaleProbes } from './scale-probes.ts';
import { valueProbes } from './value-probes.ts';

export type { ProbeChoices, ProbeData, ProbeLayout } from './probe.ts';

export interface ProbeOptions extends Partial<ProbeChoices> {
  readonly op: OpName;
  /** Sizes to change; `probeSizes` names those of an op. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** Parameters of the op, beside or instead of those that the probe gives. */
  readonly params?: object;
  /** Default `address-coded`. */
  readonly data?: ProbeData;
  /** 0 .. 65535; the same seed gives the same bytes. Default 1. */
  readonly seed?: number;
}

const WHERE = 'probeCall';
const MOST_SEED = 65_535;

const PROBES: Readonly<Record<OpName, OpProbe>> = {
  ...fusedProbes,
  ...gemmProbes,
  ...moeProbes,
  ...quantProbes,
  ...routeProbes,
  ...scaleProbes,
  ...valueProbes,
};

const CHOICE_VALUES: Readonly<Partial<Record<ChoiceName, readonly (string | boolean)[]>>> = {
  layout: PROBE_LAYOUTS,
  bias: [true, false],
  scales: ['f32', 'packed'],
  format: ['e4m3fn', 'e4m3fnuz'],
  residual: [true, false],
  second: [true, false],
  type: ['bf16', 'f16', 'f32'],
  poison: [true, false],
};

/**
 * A call of an op on inputs that cannot hide a mistake: codes that tell their address, scales that never repeat at the distance of a
 * tile, poisoned padding, ragged routes. The call has passed the op's own checks.
 *
 * @throws ParameterError for an unknown size, choice or kind of data; whatever the op's plan throws for sizes and parameters that the
 *   op does not take
 */
export function probeCall(options: ProbeOptions): KernelCall {
  const { op, sizes, params = {}, data = 'address-coded', seed = 1, ...choices } = options;
  const probe = probeOf(op);
  const all = checkedSizes(op, probe, sizes ?? {});
  if (!PROBE_DATA.includes(data)) {
    throw new ParameterError(WHERE, 'data', `is ${JSON.stringify(data)}, expected ${PROBE_DATA.join(', ')}.`);
  }
  if (data === 'one-hot' && probe.oneHot === undefined) {
    throw new ParameterError(
      WHERE,
      'data',
      `is one-hot, which reads back the weight of a multiplication, but ${op} has none. Use address-coded or random.`,
    );
  }
  if (!Number.isInteger(seed) || seed < 0 || seed > MOST_SEED) {
    throw new ParameterError(WHERE, 'seed', `is ${seed}, expected an integer 0..${MOST_SEED}.`);
  }
  checkChoices(op, probe, choices);
  const given = { ...probe.params?.(all), ...params };
  const operands = probe.make({
    layout: 'separated',
    scales: 'f32',
    format: 'e4m3fn',
    start: 0,
    residual: true,
    second: false,
    type: probe.type ?? 'bf16',
    poison: true,
    bias: data !== 'one-hot',
    ...defined(choices),
    op,
    sizes: all,
    params: given,
    data,
    seed,
  });
  definitionOf(op).plan(given, operands);
  return { op, params: given, operands };
}

/** Names of the sizes of an op, with their defaults. */
export function probeSizes(op: OpName): Record<string, number> {
  return { ...probeOf(op).sizes };
}

/** The choices beside sizes, parameters, data and seed that `probeCall` takes for an op. */
export function probeChoices(op: OpName): readonly ChoiceName[] {
  return probeOf(op).choices;
}

/** What the output of a one-hot probe reads back; undefined for ops that take no such data. */
export function oneHotMeaning(op: OpName): string | undefined {
  return probeOf(op).oneHot;
}

/** The sizes of a call, under the names that `probeSizes` gives. */
export function sizesOf(call: KernelCall): Record<string, number> {
  return probeOf(call.op).sizesOf(call.operands, call.params);
}

function probeOf(op: OpName): OpProbe {
  if (Object.hasOwn(PROBES, op)) return PROBES[op];
  throw new ParameterError(WHERE, 'op', `is ${JSON.stringify(op)}, expected one of ${OP_NAMES.join(', ')}.`);
}

function checkedSizes(op: OpName, probe: OpProbe, given: Readonly<Record<string, number>>): Record<string, number> {
  const known = Object.keys(probe.sizes);
  for (const [name, size] of Object.entries(given)) {
    if (!known.includes(name)) {
      throw new ParameterError(WHERE, 'sizes', `has "${name}", which is no size of ${op}. Known: ${known.join(', ')}.`);
    }
    if (!Number.isSafeInteger(size) || size < 1) {
      throw new ParameterError(WHERE, 'sizes', `has ${name} = ${size}, expected a positive integer.`);
    }
  }
  return { ...probe.sizes, ...given };
}

function checkChoices(op: OpName, probe: OpProbe, given: Partial<ProbeChoices>): void {
  for (const [name, value] of Object.entries(given) as [ChoiceName, string | boolean | number | undefined][]) {
    if (value === undefined) continue;
    if (!probe.choices.includes(name)) {
      const known = probe.choices.length === 0 ? 'none' : probe.choices.join(', ');
      throw new ParameterError(WHERE, name, `is given, but ${op} has no such choice. It takes: ${known}.`);
    }
    const values = CHOICE_VALUES[name];
    if (values === undefined) {
      if (Number.isSafeInteger(value) && (value as number) >= 0) continue;
      throw new ParameterError(WHERE, name, `is ${JSON.stringify(value)}, expected an integer that is not negative.`);
    }
    if (values.includes(value as string)) continue;
    throw new ParameterError(WHERE, name, `is ${JSON.stringify(value)}, expected ${values.join(', ')}.`);
  }
}

function defined(choices: Partial<ProbeChoices>): Partial<ProbeChoices> {
  return Object.fromEntries(Object.entries(choices).filter(([, value]) => value !== undefined));
}
