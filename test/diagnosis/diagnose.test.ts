import { describe, expect, it } from 'vitest';
import { type Candidate, candidatesOf, combine } from '../../src/diagnosis/candidate.ts';
import { wholeWindow } from '../../src/diagnosis/crop.ts';
import { diagnose, diagnoseSteps } from '../../src/diagnosis/diagnose.ts';
import { HYPOTHESES } from '../../src/diagnosis/hypotheses/index.ts';
import { predict } from '../../src/diagnosis/predict.ts';
import type { KernelCall, NamedTensors } from '../../src/ops/kernel-call.ts';
import { probeCall } from '../../src/probe/probe-call.ts';
import { tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asU16 } from '../../src/tensor/views.ts';
import { NOISES, randomFrom, withNoise } from './mutation/noise.ts';
import { rightOutputs } from './mutation/plant.ts';

const call = probeCall({
  op: 'gemm_a8w8_blockscale_bpreshuffle',
  sizes: { m: 20, n: 256, k: 384 },
  data: 'random',
  seed: 3,
});
const right = rightOutputs(call);
const y = right['y'] as Tensor;

function mistake(id: string, of: KernelCall = call): Candidate {
  const hypothesis = HYPOTHESES.find((known) => known.id === id);
  if (hypothesis === undefined) throw new Error(id);
  return candidatesOf(hypothesis, of)[0] as Candidate;
}

function outputsOf(candidate: Candidate): NamedTensors {
  return predict(candidate.call, wholeWindow(right));
}

describe('diagnose', () => {
  it('finds nothing wrong with right outputs', async () => {
    const diagnosis = await diagnose({ ...call, actual: right });
    expect(diagnosis.verdict).toBe('correct');
    expect(diagnosis.explanations).toEqual([]);
    expect(diagnosis.symptoms).toEqual([]);
    expect(diagnosis.searched.variants).toBe(0);
  });

  it('names one mistake, with everything that is known about it', async () => {
    const actual = outputsOf(mistake('weight-plain-read-shuffled'));
    const { verdict, about, explanations, asGiven, searched } = await diagnose({ ...call, actual });
    expect(verdict).toBe('explained');
    expect(about).toBe('kernel');
    expect(explanations[0]?.mistakes.map(({ id }) => id)).toEqual(['weight-plain-read-shuffled']);
    expect(explanations[0]?.match).toBe(1);
    expect(explanations[0]?.evidence.mended).toBe(asGiven.wrong);
    expect(asGiven.wrong).toBeGreaterThan(0.9 * asGiven.elements);
    expect(searched.complete).toBe(true);
    expect([searched.rows, searched.columns]).toEqual([8, 256]);
  });

  it('names two mistakes that happened together', async () => {
    const both = combine(mistake('weight-plain-read-shuffled'), mistake('scale-not-transposed')) as Candidate;
    const { verdict, explanations } = await diagnose({ ...call, actual: outputsOf(both) }, { budgetMs: 60_000 });
    expect(['explained', 'ambiguous']).toContain(verdict);
    const ids = explanations[0]?.mistakes.map(({ id }) => id).sort();
    expect(ids).toEqual(['scale-not-transposed', 'weight-plain-read-shuffled']);
  });

  it('does not try pairs where it is told not to', async () => {
    const both = combine(mistake('weight-plain-read-shuffled'), mistake('scale-not-transposed')) as Candidate;
    const { verdict, searched } = await diagnose({ ...call, actual: outputsOf(both) }, { pairs: false });
    expect(verdict).toBe('unexplained');
    expect(searched.pairs).toBe(0);
  });

  it('says when the operands are what is wrong, and not the kernel', async () => {
    // The weight was never shuffled, and a kernel that reads shuffled ones did what it should.
    const wrong = mistake('weight-plain-read-shuffled');
    const { verdict, about, explanations } = await diagnose({
      ...call,
      operands: wrong.call.operands,
      actual: outputsOf(wrong),
      expected: right,
    });
    expect(about).toBe('operands');
    expect(verdict).toBe('explained');
    expect(explanations[0]?.mistakes.map(({ id }) => id)).toEqual(['weight-plain-read-shuffled']);
  });

  it('takes an expected output from elsewhere', async () => {
    const actual = outputsOf(mistake('scale-not-transposed'));
    const { verdict, explanations } = await diagnose({ ...call, actual, expected: right });
    expect(verdict).toBe('explained');
    expect(explanations[0]?.mistakes[0]?.id).toBe('scale-not-transposed');
  });

  it('takes a wider dump', async () => {
    const bad = outputsOf(mistake('weight-plain-read-shuffled'))['y'] as Tensor;
    const wide = Float32Array.from(asU16(bad), (code) => new Float32Array(Uint32Array.of(code << 16).buffer)[0] ?? 0);
    const actual = { y: tensorFrom('y', 'f32', bad.layout.shape, wide) };
    const { explanations } = await diagnose({ ...call, actual });
    expect(explanations[0]?.mistakes[0]?.id).toBe('weight-plain-read-shuffled');
  });

  it('is not misled by the last bit of an honest kernel', async () => {
    const random = randomFrom(9);
    const nudged = (outputs: NamedTensors): NamedTensors => {
      const codes = asU16(outputs['y'] as Tensor).map((code) => (random() < 0.05 ? code + 1 : code));
      return { y: { ...(outputs['y'] as Tensor), bytes: new Uint8Array(codes.buffer) } };
    };
    expect((await diagnose({ ...call, actual: nudged(right) })).verdict).toBe('correct');
    const { verdict, explanations } = await diagnose({
      ...call,
      actual: nudged(outputsOf(mistake('weight-plain-read-shuffled'))),
    });
    expect(verdict).toBe('explained');
    expect(explanations[0]?.mistakes[0]?.id).toBe('weight-plain-read-shuffled');
  });

  it.each(NOISES.map((noise) => [noise.name, noise] as const))('names nothing for noise: %s', async (_name, noise) => {
    const { verdict, explanations } = await diagnose({ ...call, actual: withNoise(right, noise, 5) });
    expect(explanations).toEqual([]);
    expect(verdict).toBe('unexplained');
  });

  it('stops when the time is up, and says so', async () => {
    const actual = outputsOf(mistake('weight-plain-read-shuffled'));
    const { verdict, searched } = await diagnose({ ...call, actual }, { budgetMs: 0 });
    expect(verdict).toBe('unexplained');
    expect(searched).toMatchObject({ variants: 0, pairs: 0, complete: false });
  });

  it('reports progress', () => {
    const actual = outputsOf(mistake('weight-plain-read-shuffled'));
    const seen = [...diagnoseSteps({ ...call, actual })];
    expect(seen.length).toBeGreaterThan(5);
    expect(seen[0]).toEqual({ phase: 'mistakes', done: 1, total: undefined });
  });
});

describe('diagnose, bad input', () => {
  const failing = (observation: Parameters<typeof diagnose>[0]): Promise<string> =>
    diagnose(observation).then(
      () => 'no error',
      (error: Error) => error.message,
    );

  it('shapes that disagree', async () => {
    const other = { y: tensorFrom('mine/y', 'bf16', [20, 128], new Uint16Array(20 * 128)) };
    expect(await failing({ ...call, actual: other })).toBe(
      'diagnose gemm_a8w8_blockscale_bpreshuffle: actual output "y" (tensor "mine/y") has shape [20, 128], but these operands give ' +
        '[20, 256]. Give the output of this very call, or the operands that belong to it.',
    );
  });

  it('NaN everywhere', async () => {
    const nan = { y: { ...y, bytes: new Uint8Array(new Uint16Array(20 * 256).fill(0x7fc0).buffer) } };
    expect(await failing({ ...call, actual: nan })).toBe(
      'diagnose gemm_a8w8_blockscale_bpreshuffle: all 5120 elements of "y" are NaN, and no mistake can be told from that. Look for ' +
        'scale bytes of 255 and for float scales read as exponents, and run a probe, whose operands hold no NaN.',
    );
  });

  it('an operand that is missing', async () => {
    const { w_scale: _, ...operands } = call.operands;
    expect(await failing({ ...call, operands, actual: right })).toContain('"w_scale"');
  });

  it('no output, and one that the op does not have', async () => {
    expect(await failing({ ...call, actual: {} })).toBe(
      'diagnose gemm_a8w8_blockscale_bpreshuffle: no output was given; expected at least one of y.',
    );
    expect(await failing({ ...call, actual: { out: y } })).toBe(
      'diagnose gemm_a8w8_blockscale_bpreshuffle: actual output "out" is none of its outputs, which are y. Name the tensor after one of them.',
    );
  });
});
