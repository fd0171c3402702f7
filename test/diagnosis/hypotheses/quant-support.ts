import { expect } from 'vitest';
import { wholeWindow } from '../../../src/diagnosis/crop.ts';
import { diagnose } from '../../../src/diagnosis/diagnose.ts';
import type { Diagnosis } from '../../../src/diagnosis/diagnosis.ts';
import { agreement, observe } from '../../../src/diagnosis/evidence.ts';
import { HYPOTHESES } from '../../../src/diagnosis/hypotheses/index.ts';
import type { Hypothesis, Variant } from '../../../src/diagnosis/hypothesis.ts';
import { predict } from '../../../src/diagnosis/predict.ts';
import type { KernelCall, NamedTensors } from '../../../src/ops/kernel-call.ts';
import { definitionOf, type OpName } from '../../../src/ops/registry.ts';
import { type ProbeOptions, probeCall } from '../../../src/probe/probe-call.ts';
import { tensorFrom } from '../../../src/tensor/make.ts';

/** A call for address-coded data and one, of a ragged shape where the op takes it, for random data. */
type Pair = readonly [Omit<ProbeOptions, 'op'>, Omit<ProbeOptions, 'op'>];

const CALLS: Readonly<Partial<Record<OpName, Pair>>> = {
  per_1x128_quant: [
    { sizes: { rows: 6, columns: 384 }, params: { scaleStore: 'transposed-view', format: 'e4m3fnuz', math: 'hip' } },
    { sizes: { rows: 7, columns: 640 } },
  ],
  per_token_quant: [{ sizes: { rows: 6, columns: 256 } }, { sizes: { rows: 13, columns: 201 } }],
  per_tensor_quant: [{ sizes: { rows: 6, columns: 64 } }, { sizes: { rows: 13, columns: 97 } }],
  mxfp4_quant: [{ sizes: { rows: 8, columns: 128 } }, { sizes: { rows: 13, columns: 224 } }],
  mxfp8_quant: [{ sizes: { rows: 8, columns: 128 }, params: { mode: 'Even' } }, { sizes: { rows: 13, columns: 224 } }],
  dynamic_mxfp4_quant: [{ sizes: { rows: 8, columns: 128 } }, { sizes: { rows: 13, columns: 200 } }],
  act_mul_and_fp8_group_quant: [{ sizes: { rows: 4, inter: 256 } }, { sizes: { rows: 5, inter: 320 } }],
  add_rmsnorm_quant: [
    { sizes: { rows: 6, columns: 384 }, params: { group: 128, scaleStore: 'transposed-view' } },
    { sizes: { rows: 5, columns: 264 } },
  ],
  fused_rms_fp8_group_quant: [
    { sizes: { rows: 6, columns: 384 }, params: { scaleStore: 'column-major' } },
    { sizes: { rows: 5, columns: 448 } },
  ],
  fused_flatten_fp8_group_quant: [
    { sizes: { tokens: 4, heads: 2, head: 128 }, params: { scaleStore: 'tma-aligned' } },
    { sizes: { tokens: 5, heads: 3, head: 256 } },
  ],
  deepgemm_per_token_cast: [
    { sizes: { rows: 6, columns: 384 }, params: { ue8m0: true } },
    { sizes: { rows: 7, columns: 448 } },
  ],
  deepgemm_per_token_cast_packed: [{ sizes: { rows: 6, columns: 768 } }, { sizes: { rows: 7, columns: 700 } }],
  deepgemm_per_block_cast: [{ sizes: { n: 136, k: 264 }, params: { ue8m0: true } }, { sizes: { n: 144, k: 160 } }],
  ceil_to_ue8m0: [{ sizes: { rows: 16, groups: 8 } }, { sizes: { rows: 61, groups: 7 } }],
  mx_scale: [
    { sizes: { rows: 16, groups: 8 }, params: { element: 'e4m3fn', mode: 'RoundUp' } },
    { sizes: { rows: 61, groups: 7 } },
  ],
  pack_ue8m0_mn_major: [
    { sizes: { rows: 8, groups: 8 } },
    { sizes: { rows: 3, groups: 9 }, params: { granMn: 4, mn: 10 } },
  ],
  pack_ue8m0_to_int: [{ sizes: { rows: 8, groups: 12 } }, { sizes: { rows: 5, groups: 9 } }],
  unpack_ue8m0_scale: [{ sizes: { rows: 8, groups: 8 } }, { sizes: { rows: 18, groups: 9 }, params: { granMn: 4 } }],
  requant_weight_ue8m0: [{ sizes: { n: 136, k: 264 } }, { sizes: { n: 144, k: 300 } }],
  normalize_e4m3fn_to_e4m3fnuz: [{ sizes: { n: 64, k: 256 } }, { sizes: { n: 130, k: 130 } }],
  encode: [{ sizes: { rows: 8, columns: 64 } }, { sizes: { rows: 13, columns: 65 }, params: { format: 'e5m2' } }],
  decode: [{ sizes: { rows: 8, columns: 64 } }, { sizes: { rows: 13, columns: 65 }, params: { format: 'e5m2' } }],
  permute: [{ sizes: { rows: 64, columns: 128 } }, { sizes: { rows: 48, columns: 192 } }],
};

/** The two calls of an op in which mistakes are planted. */
export function callsOf(op: OpName): readonly KernelCall[] {
  const [coded, random] = CALLS[op] as Pair;
  return [probeCall({ op, data: 'address-coded', ...coded }), probeCall({ op, data: 'random', ...random })];
}

export function hypothesis(id: string): Hypothesis {
  const found = HYPOTHESES.find((known) => known.id === id);
  if (found === undefined) throw new Error(`no hypothesis ${id}`);
  return found;
}

export function outputsOf(call: KernelCall): NamedTensors {
  return definitionOf(call.op).reference(call.params, call.operands);
}

/** What a kernel with this mistake returns. */
export function actualOf(call: KernelCall, variant: Variant): NamedTensors {
  return predict(variant.make(), wholeWindow(outputsOf(call)));
}

export function variantOf(call: KernelCall, id: string, detail = ''): Variant {
  const variants = hypothesis(id).variants(call);
  const found = variants.find((variant) => variant.detail === detail);
  if (found === undefined) throw new Error(`${id} has no variant "${detail}", but ${variants.map((v) => v.detail)}`);
  return found;
}

export function detailsOf(call: KernelCall, id: string): readonly string[] {
  return hypothesis(id)
    .variants(call)
    .map(({ detail }) => detail);
}

export async function diagnosisOf(call: KernelCall, actual: NamedTensors): Promise<Diagnosis> {
  return diagnose({ ...call, actual }, { budgetMs: 60_000 });
}

/** Plants the variant and expects it to be named first, alone or together with `tied` ones, which may predict the same. */
export async function expectNamed(
  call: KernelCall,
  id: string,
  detail = '',
  tied: readonly string[] = [],
): Promise<Diagnosis> {
  const found = await diagnosisOf(call, actualOf(call, variantOf(call, id, detail)));
  const [first] = found.explanations;
  const ids = [first?.mistakes ?? [], ...(first?.sameAs ?? [])].map((group) =>
    group.map((one) => one.id).join(' and '),
  );
  expect(ids).toContain(id);
  expect([id, ...tied]).toEqual(expect.arrayContaining(ids));
  expect(found.verdict).toMatch(ids.length > 1 ? /^ambiguous$/ : /^(explained|rounding)$/);
  return found;
}

/** The first way of a hypothesis, from `start` on, that shows on the call; undefined where none does. */
export function visible(call: KernelCall, { variants }: Hypothesis, start: number): string | undefined {
  const right = observe(outputsOf(call));
  const all = variants(call);
  for (let turn = 0; turn < all.length; turn += 1) {
    const variant = all[(start + turn) % all.length] as Variant;
    const marks = agreement(call, right, observe(actualOf(call, variant)));
    if (marks.includes(0)) return variant.detail;
  }
  return undefined;
}

/** Expects each hypothesis to be found on every op that it is for. `hidden` names those that these inputs do not show. */
export async function expectAllFound(
  list: readonly Hypothesis[],
  op: OpName,
  hidden: readonly string[],
  tied: Readonly<Record<string, readonly string[]>> = {},
): Promise<void> {
  const calls = callsOf(op);
  for (const one of list.filter(({ ops }) => ops.includes(op))) {
    let shown = false;
    for (const [at, call] of calls.entries()) {
      const detail = visible(call, one, 5 * at);
      if (detail === undefined) continue;
      shown = true;
      await expectNamed(call, one.id, detail, tied[`${one.id}: ${detail}`] ?? []);
    }
    const applies = calls.some((call) => one.variants(call).length > 0);
    if (!shown && applies) expect(hidden).toContain(one.id);
  }
}

export function floatTensor(name: string, shape: readonly number[], values: readonly number[]): NamedTensors[string] {
  return tensorFrom(name, 'f32', shape, Float32Array.from(values));
}
