import { describe, expect, it } from 'vitest';
import { openCpu } from '../../backends/cpu/cpu.ts';
import { BLOCK_SCALE_KERNELS, blockScaleKernel, SCALE_STATES } from '../../src/dispatch/kernels.ts';
import type { LinearSpec } from '../../src/dispatch/linear-spec.ts';
import { planLinear } from '../../src/dispatch/plan-linear.ts';
import { runPlan } from '../../src/dispatch/run-plan.ts';
import { scaleHelper } from '../../src/dispatch/scale-helpers.ts';
import { readScaleAsIs } from '../../src/dispatch/scale-state.ts';
import { gemmA8w8Blockscale } from '../../src/ops/gemm-a8w8-blockscale.ts';
import { normalizeE4m3fnToE4m3fnuz } from '../../src/ops/normalize-e4m3fn-to-e4m3fnuz.ts';
import { LayoutMismatchError } from '../../src/tensor/errors.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { outcome, producedScaleTensor, runTorch } from './mini-torch.ts';
import { need, operandsOf } from './support.ts';

/** A spec for which the rules choose a family that has this kernel. */
function specFor(kernel: string, m: number, groups: number): LinearSpec {
  const base = { m, n: 128, k: 128 * groups, arch: 'gfx950', producer: 'given', kernel } as const;
  if (kernel === 'triton') return { ...base, arch: 'gfx942', rocm: '7.2' } as LinearSpec;
  if (kernel === 'sglang-triton') return { ...base, useAiter: false, rocm: '7.2' } as LinearSpec;
  return {
    ...base,
    rocm: kernel === 'ck' || (kernel.startsWith('cktile') && !kernel.includes('bpre')) ? '7.0' : '7.2',
  } as LinearSpec;
}

/** Weight and scale as a kernel of this architecture takes them. */
function checkpoint(
  plain: Readonly<Record<string, Tensor>>,
  arch: string,
): { readonly w: Tensor; readonly w_scale: Tensor } {
  const w = need(plain, 'weight');
  const scale = need(plain, 'weight_scale');
  if (arch !== 'gfx942') return { w, w_scale: scale };
  const fnuz = normalizeE4m3fnToE4m3fnuz.reference({}, { w, scale });
  return { w: fnuz.y, w_scale: fnuz.scale };
}

const SIZES = [1, 2, 3, 4];
const shapes = SIZES.flatMap((m) => SIZES.map((g) => [m, g] as const));

describe.each(BLOCK_SCALE_KERNELS.map(({ id }) => id))('%s', (kernel) => {
  it.each(SCALE_STATES)('gets the right bytes from state %s in every plan, and no needless copy', async (scale) => {
    for (const [m, groups] of shapes) {
      const plan = planLinear({ ...specFor(kernel, m, groups), scale });
      expect(plan.kernel).toBe(kernel);
      // What torch would do with the conversions of the plan, on a simulated tensor.
      let s = producedScaleTensor(scale, m, groups);
      const source = s.data;
      const conversions = plan.steps.filter(({ kind }) => kind === 'convert-scale' || kind === 'relabel');
      for (const step of conversions) s = runTorch(step.upstream ?? '', s, m, groups);
      expect([m, groups, outcome(kernel, s, m, groups)]).toEqual([m, groups, 'right']);
      expect(plan.cost.call.scaleCopies).toBe(s.data === source ? 0 : 1);
      if (outcome(kernel, producedScaleTensor(scale, m, groups), m, groups) === 'right')
        expect(conversions).toEqual([]);
    }
  });
});

describe('a plan that runs', () => {
  it.each(BLOCK_SCALE_KERNELS.flatMap(({ id }) => SCALE_STATES.map((state) => [id, state] as const)))(
    '%s gives the product from a scale in state %s',
    async (kernel, scale) => {
      for (const [m, groups] of [
        [1, 3],
        [3, 2],
        [3, 3],
        [5, 1],
      ] as const) {
        const plan = planLinear({ ...specFor(kernel, m, groups), scale });
        const { given, plain } = operandsOf(plan);
        const { y } = await runPlan(plan, openCpu(), given);
        const facts = BLOCK_SCALE_KERNELS.find(({ id }) => id === kernel);
        const expected = gemmA8w8Blockscale.reference(
          {
            out: 'bf16',
            math: facts?.math ?? 'exact',
            ...(facts?.rounding === undefined ? {} : { rounding: facts.rounding }),
          },
          { x: need(plain, 'x_q'), ...checkpoint(plain, plan.spec.arch), x_scale: need(plain, 'x_scale') },
        );
        expect(y?.bytes).toEqual(expected.y.bytes);
      }
    },
  );
});

describe('as upstream does it', () => {
  const versions = ['dec-2025', 'pr-23319', 'pr-23671', 'pr-27289', 'v0.5.15', 'current'] as const;
  const layers = [
    { n: 2624, k: 6144 },
    { n: 4096, k: 7168 },
  ];

  it.each(versions)('%s builds a plan exactly where its helper leaves the scale as the kernel reads it', (rules) => {
    for (const { n, k } of layers) {
      for (const scale of SCALE_STATES) {
        for (const m of [1, 2, 48, 64]) {
          const spec: LinearSpec = {
            m,
            n,
            k,
            arch: 'gfx950',
            rocm: '7.2',
            rules,
            producer: 'given',
            scale,
            scaleConversion: 'upstream',
          };
          const groups = k / 128;
          const attempt = (): ReturnType<typeof planLinear> => planLinear(spec);
          const mended = planLinear({ ...spec, scaleConversion: 'mend' });
          const kernel = blockScaleKernel(mended.kernel);
          const helper = scaleHelper(helperOf(rules, mended.kernel));
          let simulated: string;
          try {
            simulated = outcome(
              kernel.id,
              runTorch(helper.code, producedScaleTensor(scale, m, groups), m, groups),
              m,
              groups,
            );
          } catch {
            simulated = 'throws';
          }
          if (simulated === 'right')
            expect([rules, n, scale, m, attempt().kernel]).toEqual([rules, n, scale, m, kernel.id]);
          else expect(attempt, `${rules} ${n} ${scale} ${m}`).toThrow(LayoutMismatchError);
        }
      }
    }
  });

  /** The contract of each version, from the history of the source. */
  function helperOf(rules: (typeof versions)[number], kernel: string): 'none' | 'T' | 'materialize' | 'as-strided' {
    const bpre = kernel === 'ck-bpreshuffle';
    switch (rules) {
      case 'dec-2025':
        return 'none';
      case 'pr-23319':
      case 'pr-23671':
        return bpre ? 'T' : 'none';
      case 'pr-27289':
        return bpre ? 'none' : 'as-strided';
      case 'v0.5.15':
        return bpre ? 'materialize' : 'none';
      case 'current':
        return bpre ? 'materialize' : 'as-strided';
    }
  }

  it.each(versions)('%s is right with its own producers', (rules) => {
    for (const { n, k } of layers) {
      for (const producer of ['linear', 'rms-norm', 'flatten'] as const) {
        for (const m of [1, 2, 64]) {
          const spec: LinearSpec = {
            m,
            n,
            k,
            arch: 'gfx950',
            rocm: '7.2',
            rules,
            producer,
            scaleConversion: 'upstream',
          };
          expect(planLinear(spec).result).toBe('y');
        }
      }
    }
  });

  it('counts the copy that the transposed scale saves', () => {
    const copies = (rules: string): number =>
      planLinear({
        m: 64,
        n: 2624,
        k: 6144,
        arch: 'gfx950',
        rocm: '7.2',
        rules,
        producer: 'rms-norm',
        scaleConversion: 'upstream',
      }).cost.call.scaleCopies;
    expect(versions.map(copies)).toEqual([0, 1, 1, 0, 1, 0]);
  });

  it('names the mistake, the consequence and the step that mends it', () => {
    const spec: LinearSpec = {
      layer: 'q_b_proj',
      m: 64,
      n: 2048,
      k: 2048,
      arch: 'gfx950',
      rocm: '7.2',
      producer: 'given',
      scaleConversion: 'upstream',
    };
    expect(() => planLinear({ ...spec, rules: 'pr-23319', scale: 'TV' })).toThrowErrorMatchingInlineSnapshot(
      `[LayoutMismatchError: plan of q_b_proj (ck-bpreshuffle): tensor "x_scale" is stored as scale-tv [64, 16], and the kernel reads scale-cm or scale-tv; SGLang PR 23319 applies s.transpose(-1, -2).contiguous().view(*s.shape), which scrambles it. The kernel would read the scales of other rows and groups, without an error. Hand it over as it is.]`,
    );
    expect(() => planLinear({ ...spec, rules: 'current', scale: 'TV' })).toThrowErrorMatchingInlineSnapshot(
      `[LayoutMismatchError: plan of q_b_proj (ck-bpreshuffle): tensor "x_scale" is stored as scale-tv [64, 16], and the kernel reads scale-cm or scale-tv; SGLang fp8_utils.py aiter_w8a8_block_fp8_linear applies s.t().contiguous().t(), which scrambles it. The kernel would read the scales of other rows and groups, without an error. Hand it over as it is.]`,
    );
    expect(() =>
      planLinear({ ...spec, n: 4096, k: 7168, rules: 'current', scale: 'RM' }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[LayoutMismatchError: plan of q_b_proj (triton): tensor "x_scale" is stored as scale-rm [64, 56], and the kernel reads scale-rm or scale-cm; SGLang fp8_utils.py aiter_w8a8_block_fp8_linear applies s.as_strided(s.shape, (1, M)), which scrambles it. The kernel would read the scales of other rows and groups, without an error. Hand it over as it is.]`,
    );
    expect(() => planLinear({ ...spec, scaleConversion: 'none', scale: 'RM' })).toThrowErrorMatchingInlineSnapshot(
      `[LayoutMismatchError: plan of q_b_proj (ck-bpreshuffle): tensor "x_scale" is stored as scale-rm [64, 16], and the kernel reads scale-cm or scale-tv; it is handed over as it is. The kernel would read the scales of other rows and groups, without an error. Convert it with s.t().contiguous().t() (RM to CM, 4096 bytes are copied).]`,
    );
    expect(() =>
      planLinear({ ...spec, scaleConversion: 'none', scale: 'CM', kernel: 'cktile-bpreshuffle' }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[LayoutMismatchError: plan of q_b_proj (cktile-bpreshuffle): tensor "x_scale" is stored as scale-cm [64, 16], and the kernel reads scale-tv; it is handed over as it is. The kernel refuses it. Convert it with s.t().view(M, G) (CM to TV, no byte moves).]`,
    );
  });

  it('hides every mistake with one token', () => {
    for (const scale of SCALE_STATES) {
      expect(
        planLinear({
          m: 1,
          n: 2048,
          k: 2048,
          arch: 'gfx950',
          rocm: '7.2',
          producer: 'given',
          scale,
          scaleConversion: 'none',
        }).cost.call.scaleCopies,
      ).toBe(0);
      expect(readScaleAsIs(blockScaleKernel('ck-bpreshuffle'), scale, 1, 16)).toBe('right');
    }
  });
});
