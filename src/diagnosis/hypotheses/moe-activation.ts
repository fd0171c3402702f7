import type { KernelCall } from '../../ops/kernel-call.ts';
import type { OpName } from '../../ops/registry.ts';
import { activate, type GatedActivation } from '../../ops/shared/activation.ts';
import { expertSums } from '../../ops/shared/expert-linear.ts';
import { storedAs } from '../../ops/shared/groups-output.ts';
import { activated } from '../../ops/shared/moe-stages.ts';
import { type SwigluParams, swiglu, swigluActivation } from '../../ops/swiglu.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asF32 } from '../../tensor/views.ts';
import type { Hypothesis, MistakenCall } from '../hypothesis.ts';
import { firstOf, withSteps } from '../moe-steps.ts';
import { FIRST_STAGE } from './moe-call.ts';

/** What a kernel computes of gate and up sums. */
type Activation = (gate: number, up: number) => number;

/** A mistaken activation, by what it should have been; undefined where it does not apply. */
interface Way {
  readonly detail: string;
  readonly of: (kind: GatedActivation) => GatedActivation | Activation | undefined;
}

const OPS: readonly OpName[] = [...FIRST_STAGE, 'swiglu'];

const SILU: GatedActivation = { alpha: 1, offset: 0, limit: undefined };
const SWIGLU: GatedActivation = { alpha: 1.702, offset: 1, limit: 7 };
const GELU: GatedActivation = { curve: 'gelu', alpha: 1, offset: 0, limit: undefined };

const isGelu = ({ curve }: GatedActivation): boolean => curve === 'gelu';
const isSwiglu = ({ offset }: GatedActivation): boolean => offset !== 0;
const isSilu = (kind: GatedActivation): boolean => !isGelu(kind) && !isSwiglu(kind);

/** Mistakes with the activation between the two multiplications. */
export const MOE_ACTIVATION_HYPOTHESES: readonly Hypothesis[] = [
  hypothesis(
    {
      id: 'moe-activation-other-function',
      title: 'another activation function is computed',
      symptom: 'plausible answers, accuracy drops; the difference grows with the size of the sums',
      origin:
        'derived: ActivationType.Silu for a GPT-OSS model drops alpha and the +1 (AITER fused_moe); any value but 2 is silu in CK-Tile',
      remedy:
        'Pass ActivationType.Swiglu for GPT-OSS, Silu for DeepSeek and Qwen, and Gelu only where the model says so.',
      hiddenBy: 'sums near zero, where all of them are small',
    },
    [
      { detail: 'silu', of: (kind) => (isSilu(kind) ? undefined : SILU) },
      { detail: 'silu with the limit', of: (kind) => (isSwiglu(kind) ? { ...SILU, limit: kind.limit } : undefined) },
      {
        detail: 'swiglu',
        of: (kind) => (isSwiglu(kind) ? undefined : { ...SWIGLU, limit: kind.limit ?? SWIGLU.limit }),
      },
      { detail: 'gelu', of: (kind) => (isGelu(kind) ? undefined : GELU) },
      { detail: 'gelu as x * sigmoid(1.702 x)', of: (kind) => (isGelu(kind) ? { ...SILU, alpha: 1.702 } : undefined) },
      {
        detail: 'no activation of the gate',
        of:
          ({ limit = Infinity, offset }) =>
          (g, u) =>
            Math.min(g, limit) * (clamp(u, limit) + offset),
      },
    ],
  ),
  hypothesis(
    {
      id: 'moe-gelu-tanh',
      ops: FIRST_STAGE,
      title: 'gelu is approximated with tanh instead of erf',
      family: 'arithmetic',
      symptom: 'differences of up to 0.0005 at a gate of about 2, in the last bit of h',
      origin: "derived: torch gelu with approximate='tanh'; AITER gelu_tanh_and_mul beside gelu_and_mul",
      remedy: "Use the same approximation as the model: approximate='none' is erf.",
      hiddenBy: 'gates near zero and large ones',
    },
    [{ detail: '', of: (kind) => (isGelu(kind) ? geluTanh : undefined) }],
  ),
  hypothesis(
    {
      id: 'swiglu-alpha',
      title: 'swiglu is computed with another alpha',
      symptom: 'answers are off by a few per cent, most where the gate is between 0 and 3',
      origin: 'derived: alpha 1.702 of GPT-OSS (gpt_oss/torch/model.py swiglu) against the sigmoid of silu',
      remedy: 'Multiply the gate by 1.702 inside the sigmoid.',
      hiddenBy: 'large gates, whose sigmoid is 1 or 0 with both',
    },
    [
      { detail: '1 instead of 1.702', of: (kind) => (kind.alpha === 1 ? undefined : { ...kind, alpha: 1 }) },
      {
        detail: '1.702 instead of 1',
        of: (kind) => (kind.alpha === 1.702 || isGelu(kind) ? undefined : { ...kind, alpha: 1.702 }),
      },
    ],
  ),
  hypothesis(
    {
      id: 'swiglu-plus-one',
      title: 'the 1 that swiglu adds to the up half is mistaken',
      symptom: 'h lacks (or has too much of) the activated gate; the sign of many elements is wrong',
      origin: 'derived: gpt_oss/torch/model.py swiglu returns out_glu * (x_linear + 1); silu has no such term',
      remedy: 'Add 1 to the clamped up half in swiglu, and nothing in silu.',
      hiddenBy: 'up sums far from zero, beside which 1 is small',
    },
    [
      { detail: 'it is missing', of: (kind) => (isSwiglu(kind) ? { ...kind, offset: 0 } : undefined) },
      {
        detail: 'it is added where there is none',
        of: (kind) => (isSwiglu(kind) ? undefined : { ...kind, offset: 1 }),
      },
      {
        detail: 'it is added before the clamp',
        of: (kind) =>
          isSwiglu(kind) && kind.limit !== undefined ? (g, u) => activate({ ...kind, offset: 0 }, g, u + 1) : undefined,
      },
      {
        detail: 'it is added to the gate',
        of: (kind) => (isSwiglu(kind) ? (g, u) => (activatedGate(kind, g) + 1) * clamp(u, kind.limit) : undefined),
      },
    ],
  ),
  hypothesis(
    {
      id: 'swiglu-limit',
      title: 'gate and up are clamped at another limit, or not at all',
      symptom: 'most answers are right; tokens with large activations are wrong',
      origin:
        'derived: CK-Tile split-K activation of AITER has 7.0 compiled in and ignores swiglu_limit; DeepSeek-V4 uses 10',
      remedy: 'Pass swiglu_limit of the model to a kernel that reads it, and check that it reaches the activation.',
      hiddenBy: 'sums below both limits',
    },
    [
      { detail: 'none', of: (kind) => (kind.limit === undefined ? undefined : { ...kind, limit: undefined }) },
      ...[7, 10].map((limit) => ({
        detail: `${limit}`,
        of: (kind: GatedActivation) => (isGelu(kind) || kind.limit === limit ? undefined : { ...kind, limit }),
      })),
    ],
  ),
  hypothesis(
    {
      id: 'swiglu-clamp-sides',
      title: 'gate or up is clamped on the wrong sides',
      symptom: 'most answers are right; channels with large activations of one sign are wrong',
      origin: 'derived: gpt_oss/torch/model.py swiglu clamps the gate from above only, up from both sides',
      remedy: 'Clamp the gate with min(limit), up with clamp(-limit, limit).',
      hiddenBy: 'sums within the limit',
    },
    [
      clamps('the gate from below, too', (kind, limit) => (g, u) => activate(kind, clamp(g, limit), u)),
      clamps('the gate not at all', (kind, limit) => (g, u) => activate(open(kind), g, clamp(u, limit))),
      clamps('up not at all', (kind, limit) => (g, u) => activate(open(kind), Math.min(g, limit), u)),
      clamps(
        'up from above only',
        (kind, limit) => (g, u) => activate(open(kind), Math.min(g, limit), Math.min(u, limit)),
      ),
      clamps(
        'up from below only',
        (kind, limit) => (g, u) => activate(open(kind), Math.min(g, limit), Math.max(u, -limit)),
      ),
      clamps(
        'the activated gate instead of the gate',
        (kind, limit) => (g, u) => Math.min(activatedGate(open(kind), g), limit) * (clamp(u, limit) + kind.offset),
      ),
      clamps('h instead of gate and up', (kind, limit) => (g, u) => clamp(activate(open(kind), g, u), limit)),
    ],
  ),
  {
    id: 'swiglu-halves-swapped',
    title: 'gate and up halves change places before the activation',
    family: 'gate and up',
    ops: ['swiglu'],
    symptom: 'garbage of the right size in every element',
    origin: 'derived: silu_and_mul of vLLM activates the first half, models with up_proj first want the second',
    evidence: 'derived',
    remedy: 'Pass the gate half first: x[..., :d] is activated, x[..., d:] is multiplied.',
    hiddenBy: 'halves that are alike',
    variants: ({ op, params, operands }) => {
      const { glu, linear } = operands;
      if (glu === undefined || linear === undefined) return [];
      return [{ detail: '', make: () => ({ op, params, operands: { glu: linear, linear: glu } }) }];
    },
  },
  {
    id: 'swiglu-columns-interleaved',
    title: 'gate and up columns that lie side by side are taken for two halves, or the other way round',
    family: 'gate and up',
    ops: ['swiglu'],
    symptom: 'garbage of the right size; the first element of each row may be right',
    origin: 'derived: gpt_oss/torch/model.py swiglu takes even columns as gate and odd ones as up',
    evidence: 'derived',
    remedy: 'De-interleave the output of the first multiplication, or its weight, once.',
    hiddenBy: 'columns that are all alike',
    variants: (call) => [
      {
        detail: 'side by side, read as halves',
        make: () => regrouped(call, (at, columns) => Math.floor(at / 2) + (at % 2) * columns),
      },
      {
        detail: 'halves, read as side by side',
        make: () => regrouped(call, (at, columns) => (at % columns) * 2 + Math.floor(at / columns)),
      },
    ],
  },
];

/** The gate's own factor of the activation. */
function activatedGate(kind: GatedActivation, gate: number): number {
  return activate({ ...kind, offset: 1 }, gate, 0);
}

function open(kind: GatedActivation): GatedActivation {
  return { ...kind, limit: undefined };
}

function clamp(value: number, limit: number = Number.POSITIVE_INFINITY): number {
  return Math.max(-limit, Math.min(value, limit));
}

function clamps(detail: string, of: (kind: GatedActivation, limit: number) => Activation): Way {
  return { detail, of: (kind) => (kind.limit === undefined ? undefined : of(kind, kind.limit)) };
}

function geluTanh(gate: number, up: number): number {
  return 0.5 * gate * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (gate + 0.044715 * gate ** 3))) * up;
}

type Text = Pick<Hypothesis, 'id' | 'title' | 'symptom' | 'origin' | 'remedy' | 'hiddenBy'> & Partial<Hypothesis>;

function hypothesis(text: Text, ways: readonly Way[]): Hypothesis {
  return {
    family: 'activation',
    ops: OPS,
    evidence: 'derived',
    ...text,
    variants: (call) => {
      const kind = activationOf(call);
      return ways.flatMap(({ detail, of }) => {
        const mistaken = of(kind);
        return mistaken === undefined ? [] : [{ detail, make: () => activatedBy(call, mistaken) }];
      });
    },
  };
}

function activationOf(call: KernelCall): GatedActivation {
  return call.op === 'swiglu' ? swigluActivation(call.params as SwigluParams) : firstOf(call).activation;
}

/** The call with another activation. */
function activatedBy(call: KernelCall, mistaken: GatedActivation | Activation): MistakenCall {
  const apply: Activation = typeof mistaken === 'function' ? mistaken : (gate, up) => activate(mistaken, gate, up);
  if (call.op === 'swiglu') return { ...call, compute: (cut) => swigluBy(cut, apply) };
  const compute = withSteps({
    first({ product }) {
      const sums = expertSums(product);
      return activated(product, (gate, up) => apply(sums[gate] as number, sums[up] as number));
    },
  });
  return { ...call, compute };
}

function swigluBy({ params, operands }: KernelCall, apply: Activation): ReturnType<typeof swiglu.reference> {
  const given = operands as Parameters<typeof swiglu.reference>[1];
  const { y } = swiglu.plan(params, given);
  const linear = asF32(given.linear);
  return {
    y: storedAs(
      y,
      asF32(given.glu).map((gate, at) => apply(gate, linear[at] as number)),
    ),
  };
}

/** glu and linear as a kernel finds them. @param source which of the 2 C columns of a row, glu first, is read as column `at` */
function regrouped(call: KernelCall, source: (at: number, columns: number) => number): MistakenCall {
  const { glu, linear } = call.operands as Readonly<Record<'glu' | 'linear', Tensor>>;
  const halves = [asF32(glu), asF32(linear)] as const;
  const columns = glu.layout.shape.at(-1) ?? 1;
  const read = (half: number): Float32Array =>
    halves[0].map((_, index) => {
      const column = index % columns;
      const from = source(half * columns + column, columns);
      return (from < columns ? halves[0] : halves[1])[index - column + (from % columns)] as number;
    });
  return { ...call, operands: { glu: storedAs(glu, read(0)), linear: storedAs(linear, read(1)) } };
}
