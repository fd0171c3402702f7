import { describe, expect, it } from 'vitest';
import { type Candidate, candidatesOf } from '../../src/diagnosis/candidate.ts';
import { type Hypothesis, type MistakenCall, singleVariant } from '../../src/diagnosis/hypothesis.ts';
import { probeCommand, probeInputs } from '../../src/diagnosis/probe-inputs.ts';
import { takeColumns, takeRows } from '../../src/diagnosis/take.ts';
import { tellApart } from '../../src/diagnosis/tell-apart.ts';
import type { KernelCall } from '../../src/ops/kernel-call.ts';
import { type ProbeOptions, probeCall } from '../../src/probe/probe-call.ts';
import { tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

const hypothesis = (id: string, rest: Partial<Hypothesis> & Pick<Hypothesis, 'variants'>): Hypothesis => ({
  id,
  title: id,
  family: 'output',
  ops: ['gemm_a8w8_blockscale'],
  symptom: '',
  origin: '',
  evidence: 'derived',
  remedy: '',
  hiddenBy: `data that hide ${id}`,
  ...rest,
});

/** Activation scales of rows in another order. */
const scaleRows = (id: string, order: (row: number, rows: number) => number): Hypothesis =>
  hypothesis(id, {
    variants: singleVariant((call): MistakenCall => {
      const scale = call.operands['x_scale'] as Tensor;
      const [rows = 0] = scale.layout.shape;
      const taken = takeRows(
        scale,
        Array.from({ length: rows }, (_, row) => order(row, rows)),
      );
      return { ...call, operands: { ...call.operands, x_scale: taken ?? scale } };
    }),
  });

const FIRST = scaleRows('first', () => 0);
const REVERSED = scaleRows('reversed', (row, rows) => rows - 1 - row);
const MIRRORED = scaleRows('mirrored', (row, rows) => rows - 1 - row);
/** Of two rows the same as the first for all of them. */
const PAIRS = scaleRows('pairs', (row) => row - (row % 2));

const SMALL: ProbeOptions = { op: 'gemm_a8w8_blockscale', sizes: { m: 4, n: 128, k: 256 } };
const only = (of: Hypothesis, call: KernelCall, at = 0): Candidate => candidatesOf(of, call)[at] as Candidate;
const said = (call: KernelCall, a: Hypothesis, b: Hypothesis): string => tellApart(call, only(a, call), only(b, call));

function constantScales(options: ProbeOptions): KernelCall {
  const call = probeCall(options);
  const { shape } = (call.operands['x_scale'] as Tensor).layout;
  const ones = new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(1);
  return { ...call, operands: { ...call.operands, x_scale: tensorFrom('x_scale', 'f32', shape, ones) } };
}

it('the same call on other data', () => {
  const text = said(constantScales(SMALL), FIRST, REVERSED);
  expect(text).toMatch(
    /^The same call with address-coded operands tells them apart, in \d+(\.\d)? % of the elements that were compared: preshuffle probe gemm_a8w8_blockscale --sizes m=4,n=128,k=256 --data address-coded$/,
  );
});

it('other sizes', () => {
  const call = probeCall({ ...SMALL, sizes: { m: 2, n: 128, k: 256 } });
  expect(said(call, FIRST, PAIRS)).toMatch(
    /^Address-coded operands of other sizes tell them apart, in .* compared: preshuffle probe gemm_a8w8_blockscale --sizes m=61,n=384,k=640 --data address-coded$/,
  );
});

it('nothing, where both are the same', () => {
  const call = probeCall(SMALL);
  const started = performance.now();
  const text = said(call, REVERSED, MIRRORED);
  expect(text).toMatch(
    /^No input of this op tells them apart that was tried \(sizes m=4,n=128,k=256; m=61,n=384,k=640; /,
  );
  expect(text).toMatch(/; and \d+ more\): they are the same mistake for every such input\.$/);
  expect(performance.now() - started).toBeLessThan(10_000);
});

it('says what hides them where they do not happen on other inputs', () => {
  const call = probeCall(SMALL);
  const once = (id: string): Hypothesis =>
    hypothesis(id, { variants: (given) => (given === call ? [{ detail: '', make: () => ({ ...call }) }] : []) });
  expect(said(call, once('one'), once('other'))).toBe('data that hide one; data that hide other');
});

describe('ways of a hypothesis', () => {
  const shifts = hypothesis('shift', {
    variants: (call) =>
      [1, 2].map((by) => ({
        detail: `by ${by} of ${call.operands['x_scale']?.layout.shape[0]}`,
        make: () =>
          scaleRows('', (row, rows) => (row + by) % rows)
            .variants(call)[0]
            ?.make() as MistakenCall,
      })),
  });

  it('are found again by their place where details name sizes', () => {
    const call = probeCall({ ...SMALL, sizes: { m: 1, n: 128, k: 256 } });
    const [one, two] = [only(shifts, call, 0), only(shifts, call, 1)];
    expect(tellApart(call, one, two)).toMatch(/^Address-coded operands of other sizes tell them apart/);
  });

  it('are repeated in pairs', () => {
    const call = probeCall(SMALL);
    const negated = hypothesis('columns', {
      variants: singleVariant((given) => ({
        ...given,
        finish: ({ y }) => ({ y: takeColumns(y as Tensor, [...Array((y as Tensor).layout.shape[1] ?? 0).keys()]) }),
      })),
    });
    const both = (a: Hypothesis): Candidate => ({
      ...only(a, call),
      mistakes: [...only(a, call).mistakes, ...only(negated, call).mistakes],
    });
    expect(tellApart(call, both(FIRST), both(REVERSED))).toMatch(/^The same call with address-coded operands tells/);
  });
});

describe('inputs', () => {
  it('are like the call, and no larger than needed', () => {
    const call = probeCall({ op: 'moe_stage2_mxfp4', sizes: { tokens: 5, experts: 12 }, layout: 'plain', bias: false });
    const [first] = probeInputs(call);
    expect(first?.options).toMatchObject({ layout: 'plain', bias: false, data: 'address-coded' });
    expect(first?.options.sizes).toMatchObject({ tokens: 5, experts: 8 });
    expect(probeCommand(first?.options as ProbeOptions)).toMatch(
      /^preshuffle probe moe_stage2_mxfp4 --sizes tokens=5,experts=8,.* --data address-coded.* --layout plain --no-bias$/,
    );
  });

  it('keep packed scales, formats, types and what is optional', () => {
    const first = (options: ProbeOptions): string =>
      probeCommand((probeInputs(probeCall(options))[0] as { options: ProbeOptions }).options);
    expect(first({ op: 'fp8_gemm_nt', scales: 'packed' })).toContain('--scales packed');
    expect(first({ op: 'gemm_a8w8_blockscale', format: 'e4m3fnuz' })).toContain('--format e4m3fnuz');
    expect(first({ op: 'fused_rms_fp8_group_quant', type: 'f16', second: true, residual: false })).toContain(
      '--type f16 --second --no-residual',
    );
  });

  it('are all calls of the op', () => {
    for (const op of ['gemm_a8w8_blockscale', 'fp8_gemm_nt', 'per_token_quant', 'moe_stage1_mxfp4'] as const) {
      const inputs = probeInputs(probeCall({ op }));
      expect(inputs.length).toBeGreaterThan(5);
      expect(() => probeCall(inputs[0]?.options as ProbeOptions)).not.toThrow();
    }
  });
});
