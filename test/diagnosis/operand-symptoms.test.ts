import { describe, expect, it } from 'vitest';
import { operandSymptoms } from '../../src/diagnosis/operand-symptoms.ts';
import { encodeArray } from '../../src/formats/encode.ts';
import { packNibbles } from '../../src/formats/pack.ts';
import { scaleTransposedView } from '../../src/layout/activation-scale.ts';
import { gateUpInterleaved } from '../../src/layout/gate-up.ts';
import type { Layout } from '../../src/layout/layout.ts';
import { permute } from '../../src/layout/permute.ts';
import { rowMajor } from '../../src/layout/plain.ts';
import { shuffleWeight, shuffleWeightGuinterleave } from '../../src/layout/weights.ts';
import type { NamedTensors } from '../../src/ops/kernel-call.ts';
import { OP_NAMES } from '../../src/ops/registry.ts';
import { probeCall } from '../../src/probe/probe-call.ts';
import { asBytes, assume, tensor, tensorFrom } from '../../src/tensor/make.ts';
import { numbers } from './symptoms/support.ts';

const said = (operands: NamedTensors): string =>
  operandSymptoms({ op: 'gemm_a8w8_blockscale', params: {}, operands }).join('\n');

describe('right operands', () => {
  it.each(OP_NAMES)('of %s say nothing', (op) => {
    for (const data of ['address-coded', 'random'] as const) {
      const call = probeCall({ op, data });
      expect(operandSymptoms(call).filter((text) => !text.includes('powers of two'))).toEqual([]);
    }
  });
});

describe('codes', () => {
  it('that are no numbers', () => {
    const codes = Uint8Array.of(0x7f, 0xff, 0x80, 1, 2, 3, 4, 5);
    expect(said({ x: tensor('x', 'e4m3fn', rowMajor([1, 8]), codes) })).toBe(
      'x: 2 codes of 8 are 0x7f or 0xff (NaN here, ±240 in e4m3fnuz).',
    );
    expect(said({ x: tensor('x', 'e4m3fnuz', rowMajor([1, 8]), codes) })).toBe(
      'x: 1 code of 8 is 0x80 (NaN here, -0 in e4m3fn: codes that were not converted).',
    );
    const wide = Uint16Array.of(0x7f80, 0xff80, 0x7fc0, 0);
    expect(said({ x: tensor('x', 'bf16', rowMajor([1, 4]), asBytes(wide)) })).toBe(
      'x: 1 code of 4 is 0x7fc0 (NaN).\nx: 2 elements of 4 are infinite.',
    );
  });

  it('of scales', () => {
    const bytes = Uint8Array.of(255, 0, 0, 127, 126, 125);
    expect(said({ w_scale: tensor('w_scale', 'e8m0', rowMajor([2, 3]), bytes, 'e8m0') })).toBe(
      'w_scale: 1 scale byte of 6 is 255, which is NaN.\nw_scale: 2 scale bytes of 6 are 0, which is 2^-127.',
    );
  });
});

describe('float scales', () => {
  const scales = (values: readonly number[]): string =>
    said({ w_scale: tensorFrom('w_scale', 'f32', [1, values.length], Float32Array.from(values)) });
  const list = (of: (at: number) => number): readonly number[] => Array.from({ length: 8 }, (_, at) => of(at));

  it.each<readonly [string, readonly number[], string]>([
    ['NaN', list((at) => (at === 2 ? Number.NaN : 0.1 + at)), 'w_scale: 1 element of 8 is NaN.'],
    ['too large', list((at) => (at === 2 ? 1e30 : 0.1 + at)), 'w_scale: 1 scale of 8 is beyond 2^±60.'],
    [
      'negative and 0',
      list((at) => at - 0.5 - (at === 7 ? 6.5 : 0)),
      'w_scale: 1 scale of 8 is negative.\nw_scale: 1 scale of 8 is 0.',
    ],
    ['all the same', list(() => 0.75), 'w_scale: all 8 scales are 0.75.'],
    ['powers of two', list((at) => 2 ** -at), 'w_scale: all 8 scales are powers of two.'],
    [
      'exponent bytes',
      list((at) => 120 + at),
      'w_scale: all 8 scales are whole numbers around 127, as exponent bytes that were converted to float.',
    ],
    ['ordinary', list((at) => 0.1 + at), ''],
  ])('%s', (_, values, text) => {
    expect(scales(values)).toBe(text);
  });

  it('that are packed exponents', () => {
    const words = Uint32Array.from({ length: 8 }, (_, at) => 0x7b7a7c79 + at);
    expect(said({ x_scale: tensor('x_scale', 'f32', rowMajor([8, 1]), asBytes(words)) })).toBe(
      'x_scale: 8 of 8 scales are beyond 2^±60 as float32; read as four bytes each they are exponents around 127 (the first is 0x7b7a7c79): packed UE8M0.',
    );
  });

  it('that are constant in rows in one order only', () => {
    const rows = Float32Array.from({ length: 12 }, (_, at) => 1.5 + Math.floor(at / 4));
    const columns = Float32Array.from({ length: 12 }, (_, at) => 1.5 + (at % 3));
    const scale = (layout: Layout, values: Float32Array): string =>
      said({ x_scale: tensor('x_scale', 'f32', layout, asBytes(values)) });
    expect(scale(rowMajor([3, 4]), rows)).toBe('x_scale: each row has the same scale in all 4 groups.');
    expect(scale(rowMajor([3, 4]), columns)).toContain(
      'read column by column each row has the same scale in all 4 groups',
    );
    expect(scale(scaleTransposedView([3, 4]), columns)).toBe('x_scale: each row has the same scale in all 4 groups.');
    expect(scale(scaleTransposedView([3, 4]), rows)).toContain(
      'differs within rows; read row by row each row has the same',
    );
  });
});

describe('layouts', () => {
  const [N, K] = [512, 896];
  const values = numbers(N * K, 3).map(
    (value, index) => value * 2 ** (Math.sin(Math.floor(index / K)) * 1.5 + Math.cos((index % K) * 3)) * 20,
  );
  const plain = encodeArray('e4m3fn', values) as Uint8Array;
  const shuffled = permute(plain, rowMajor([N, K]), shuffleWeight([N, K], { bits: 8 }), 8);

  it('that bytes do not look like', () => {
    const text = said({ w: tensor('w', 'e4m3fn', shuffleWeight([N, K], { bits: 8 }), plain) });
    expect(text).toMatch(
      /^w is said to be in shuffle_weight\(16,16\), but its bytes look like row-major \(confidence [\d.]+ %\)/,
    );
    expect(said({ w: tensor('w', 'e4m3fn', rowMajor([N, K]), shuffled) })).toMatch(
      /^w is said to be in row-major, but its bytes look like shuffle_weight\(16,16\)/,
    );
  });

  it('that they do look like', () => {
    expect(said({ w: tensor('w', 'e4m3fn', rowMajor([N, K]), plain) })).toBe('');
    expect(said({ w: tensor('w', 'e4m3fn', shuffleWeight([N, K], { bits: 8 }), shuffled) })).toBe('');
  });
});

describe('padding', () => {
  const [E, I, H, REAL] = [2, 64, 128, 48];
  const shape = [E, 2 * I, H];
  /** Gate rows, then up rows, the last 16 of each zero. */
  const codes = Uint8Array.from({ length: E * 2 * I * H }, (_, index) =>
    Math.floor(index / H) % I < REAL ? 1 + ((index * 7 + Math.floor(index / H)) % 6) : 0,
  );
  const plain = packNibbles(codes);
  const stored = (layout: Layout): Uint8Array => permute(plain, rowMajor(shape), layout, 4);
  const w13 = (claimed: Layout, bytes: Uint8Array): string =>
    said({ w13: assume({ ...tensor('w13', 'e2m1', claimed, bytes) }, { type: 'e2m1', layout: claimed }) });

  it('where the layout has it says nothing', () => {
    const layouts = [
      rowMajor(shape),
      gateUpInterleaved(shape),
      shuffleWeight(shape, { bits: 4 }),
      shuffleWeightGuinterleave(shape, { bits: 4, gateUp: true }),
    ];
    for (const layout of layouts) expect(w13(layout, stored(layout))).not.toContain('zero rows');
  });

  it('elsewhere says where, and in which layout it would be right', () => {
    expect(w13(rowMajor(shape), stored(gateUpInterleaved(shape)))).toContain(
      'w13, read as row-major, has zero rows that all experts share in gate rows (none) and up rows 32..63 of 64 each: ' +
        'as shuffle_weight(guinterleave,gate_up) or gate_up_interleaved they would be the end of both.',
    );
    expect(w13(gateUpInterleaved(shape), plain)).toMatch(/zero rows that all experts share .*: as row-major/);
  });

  it('of a bias whose gate and up alternate', () => {
    const bias = (of: (row: number) => number): string =>
      said({
        w13_bias: tensorFrom(
          'w13_bias',
          'f32',
          [1, 64],
          Float32Array.from({ length: 64 }, (_, row) => of(row)),
        ),
      });
    expect(bias((row) => (row < 48 ? row + 1 : 0))).toBe(
      'w13_bias ends in 16 zeros in every expert, its gate half in none: as where gate and up alternate (8 padded channels). Kernels read all of gate, then all of up.',
    );
    expect(bias((row) => (row % 32 < 24 ? row + 1 : 0))).toBe('');
  });
});

describe('routes', () => {
  const routes = (ids: readonly number[], weights: readonly number[]): string =>
    said({
      w2: tensorFrom('w2', 'e2m1', [4, 32, 32], new Uint8Array(4 * 32 * 16).fill(0x21)),
      topk_ids: tensorFrom('topk_ids', 'i32', [2, 2], Int32Array.from(ids)),
      topk_weights: tensorFrom('topk_weights', 'f32', [2, 2], Float32Array.from(weights)),
    });

  it('that are right', () => {
    expect(routes([0, 3, 2, 1], [0.25, 0.75, 0.5, 0.5])).toBe('');
  });

  it('to no expert, to one expert twice, and weights of another sum', () => {
    expect(routes([0, 4, -1, 1], [0.25, 0.75, 0.5, 0.5])).toBe(
      'topk_ids: 2 routes of 4 go to no expert of 0..3 (4, -1).',
    );
    expect(routes([0, 0, 2, 1], [0.25, 0.75, 0.5, 0.5])).toBe('topk_ids: 1 token of 2 has an expert twice.');
    expect(routes([0, 3, 2, 1], [0.25, 0.75, 1, 1.5])).toBe(
      'topk_weights: of 1 token of 2 they do not add up to 1 but to 2.5.',
    );
  });
});
