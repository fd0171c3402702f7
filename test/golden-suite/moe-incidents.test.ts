import { describe, expect, it } from 'vitest';
import { decodeArray } from '../../src/formats/decode.ts';
import { encodeArray } from '../../src/formats/encode.ts';
import { INCIDENTS } from '../../src/golden/incidents.ts';
import { logitsDiff } from '../../src/golden/logits-diff.ts';
import { MOE_INCIDENTS } from '../../src/golden/moe-incidents.ts';
import { parseSafetensors } from '../../src/io/safetensors-read.ts';
import { gateUpInterleaved, rowMajor, shuffleScale, shuffleWeight } from '../../src/layout/catalog.ts';
import { permute } from '../../src/layout/permute.ts';
import { deinterleaveExperts } from '../../src/moe/gate-up.ts';
import { definitionOf } from '../../src/ops/registry.ts';
import { asBytes, tensor, tensorFrom } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asU16 } from '../../src/tensor/views.ts';
import { moeIncidentsFile } from '../../src/tools/golden/moe-incidents.ts';
import { pattern } from '../layout/support.ts';

type Operands = Readonly<Record<string, Tensor>>;

function run(operands: Operands): Float32Array {
  const { y } = definitionOf('fused_moe_mxfp4').reference({ activation: 'swiglu' }, operands);
  return decodeArray('bf16', asU16(y as Tensor));
}

/** The published end-to-end problem: T = 3, E = 2, H = I = 128. */
function publishedProblem(): Operands {
  const count = (length: number, of: (index: number) => number): Float32Array =>
    Float32Array.from({ length }, (_, i) => of(i));
  const bytes = (length: number, of: (index: number) => number): Uint8Array =>
    Uint8Array.from({ length }, (_, i) => of(i));
  const { w13, w13_scale, w13_bias } = deinterleaveExperts({
    w13: tensor('w1', 'e2m1', gateUpInterleaved([2, 256, 128]), pattern(32768)),
    w13_scale: tensor(
      'w1_scale',
      'e8m0',
      gateUpInterleaved([2, 256, 4]),
      bytes(2048, (j) => 119 + ((5 * j) % 7)),
      'e8m0',
    ),
    w13_bias: tensor(
      'w1_bias',
      'f32',
      gateUpInterleaved([2, 256]),
      asBytes(count(512, (j) => (((13 * j) % 17) - 8) / 8)),
    ),
  });
  return {
    x: tensorFrom(
      'x',
      'bf16',
      [3, 128],
      encodeArray(
        'bf16',
        count(384, (j) => (((29 * j) % 33) - 16) / 16),
      ),
    ),
    w1: w13,
    w1_scale: w13_scale,
    w1_bias: w13_bias as Tensor,
    w2: tensorFrom('w2', 'e2m1', [2, 128, 128], pattern(16384, 167, 29, 3)),
    w2_scale: tensorFrom(
      'w2_scale',
      'e8m0',
      [2, 128, 4],
      bytes(1024, (j) => 118 + ((3 * j) % 5)),
      'e8m0',
    ),
    w2_bias: tensorFrom(
      'w2_bias',
      'f32',
      [2, 128],
      count(256, (j) => (((7 * j) % 11) - 5) / 8),
    ),
    topk_ids: tensorFrom('topk_ids', 'i32', [3, 2], Int32Array.from([0, 1, 1, 0, 0, 1])),
    topk_weights: tensorFrom('topk_weights', 'f32', [3, 2], Float32Array.from([0.75, 0.25, 0.625, 0.375, 0.5, 0.5])),
  };
}

const incidentById = (id: string) => {
  const found = MOE_INCIDENTS.find((incident) => incident.id === id);
  if (found === undefined) throw new Error(id);
  return found;
};

describe('fault injections with published differences', () => {
  const problem = publishedProblem();
  const right = run(problem);
  it.each([
    ['moe-l4-read-separated', 1.203],
    ['moe-l5-read-interleave', 1.203],
    ['moe-bias-not-deinterleaved', 0.124],
    ['moe-scale-not-deinterleaved', 0.701],
    ['moe-l3-read-separated', 0.952],
    ['moe-l6-read-separated', 0.831],
    ['moe-l6-read-interleave', 0.831],
    ['moe-nibbles-swapped', 1.316],
  ])('%s: %d', (id, expected) =>
    expect(logitsDiff(right, run(incidentById(id).misread(problem)))).toBeCloseTo(expected, 2),
  );

  it('a second shuffle and a lost flag are the same mistake to the numbers', () => {
    const twice = run(incidentById('moe-shuffled-twice').misread(problem));
    expect(run(incidentById('moe-shuffle-flag-lost').misread(problem))).toEqual(twice);
  });

  it('the same is read from operands that are stored shuffled', () => {
    const stored = (name: string, layout: Tensor['layout'], bits: number): Operands => {
      const given = problem[name] as Tensor;
      const from = rowMajor(layout.shape);
      const bytes = permute(given.bytes, from, layout, bits, { fill: 0x7f });
      return { [name]: tensor(name, given.type, layout, bytes, given.scaling) };
    };
    const shuffled = {
      ...problem,
      ...stored('w1', shuffleWeight([2, 256, 128], { bits: 4 }), 4),
      ...stored('w1_scale', shuffleScale([512, 4]), 8),
    };
    for (const incident of MOE_INCIDENTS.filter(({ id }) => id !== 'moe-stale-pad')) {
      const plain = incident.misread(problem);
      const misread = incident.misread(shuffled);
      for (const name of ['w1', 'w1_scale', 'w1_bias'] as const) {
        const { layout, bytes, type } = misread[name] as Tensor;
        expect(layout.equals((shuffled[name] as Tensor).layout)).toBe(true);
        const bits = type === 'e2m1' ? 4 : type === 'f32' ? 32 : 8;
        expect(permute(bytes, layout, rowMajor(layout.shape), bits)).toEqual((plain[name] as Tensor).bytes);
      }
    }
  });
});

describe('the golden file of the incidents', () => {
  const file = parseSafetensors(moeIncidentsFile(), 'moe-incidents.safetensors');
  const output = (id: string, name: string): Float32Array => {
    const found = file.tensors.get(`${id}__fused_moe_mxfp4/${name}`);
    return decodeArray('bf16', new Uint16Array((found?.bytes ?? new Uint8Array(0)).slice().buffer));
  };

  it.each(MOE_INCIDENTS.map(({ id }) => [id]))('%s gives another answer, finite and far outside rounding', (id) => {
    const y = output(id, 'y');
    const wrong = output(id, 'y_wrong');
    expect([...y, ...wrong].every(Number.isFinite)).toBe(true);
    expect(logitsDiff(y, wrong)).toBeGreaterThan(0.04);
  });

  it('has ids of which none begins another', () => {
    const ids = INCIDENTS.map(({ id }) => id);
    for (const id of ids) expect(ids.filter((other) => other.startsWith(id))).toEqual([id]);
  });
});

it('names the operand that an incident misses', () => {
  const { w1: _, ...rest } = publishedProblem();
  expect(() => incidentById('moe-stale-pad').misread(rest)).toThrow(
    'incident: operand "w1": missing: this incident happens to it.',
  );
});
