import { describe, expect, it } from 'vitest';
import { gateUpInterleaved, rowMajor } from '../../src/layout/catalog.ts';
import { describeW13 } from '../../src/layout/w13.ts';
import { ExpertStateError } from '../../src/moe/errors.ts';
import { deinterleaveExperts, interleaveExperts } from '../../src/moe/gate-up.ts';
import { shuffleExperts } from '../../src/moe/shuffle.ts';
import { assume, tensor } from '../../src/tensor/make.ts';
import { asF32 } from '../../src/tensor/views.ts';
import { codeAt, smallLayer } from './support.ts';

const layer = smallLayer();
const separated = deinterleaveExperts(layer);

describe('deinterleaveExperts', () => {
  it('moves weight, scales and bias together and keeps every logical value', () => {
    expect(describeW13(separated.w13.layout)).toBe('L1');
    expect(separated.w13_scale.layout.id).toBe('row-major');
    expect(separated.w13_bias?.layout.id).toBe('row-major');
    for (const [e, n, k] of [
      [0, 0, 0],
      [0, 1, 127],
      [1, 64, 5],
      [1, 127, 126],
    ] as const) {
      expect(codeAt(separated.w13, [e, n, k])).toBe(codeAt(layer.w13, [e, n, k]));
      expect(codeAt(separated.w13_scale, [e, n, k >> 5])).toBe(codeAt(layer.w13_scale, [e, n, k >> 5]));
    }
  });

  it('puts stored row r at (r % 2) * I + r / 2', () => {
    const rowBytes = 64;
    for (let r = 0; r < 128; r += 1) {
      const to = (r % 2) * 64 + (r >> 1);
      expect(separated.w13.bytes.subarray(to * rowBytes, (to + 1) * rowBytes)).toEqual(
        layer.w13.bytes.subarray(r * rowBytes, (r + 1) * rowBytes),
      );
      expect(separated.w13_scale.bytes[to * 4 + 1]).toBe(layer.w13_scale.bytes[r * 4 + 1]);
      expect(asF32(separated.w13_bias as never)[to]).toBe(asF32(layer.w13_bias as never)[r]);
    }
  });

  it('leaves w2 alone and works on the parts of w13 only', () => {
    expect(separated.w2).toBe(layer.w2);
    const { w13, w13_scale } = layer;
    expect(Object.keys(deinterleaveExperts({ w13, w13_scale }))).toEqual(['w13', 'w13_scale']);
  });

  it('has an inverse', () => {
    const back = interleaveExperts(separated);
    expect(back.w13.bytes).toEqual(layer.w13.bytes);
    expect(back.w13_scale.bytes).toEqual(layer.w13_scale.bytes);
    expect(back.w13_bias?.bytes).toEqual(layer.w13_bias?.bytes);
    expect(describeW13(back.w13.layout)).toBe('L0');
  });

  it('cannot be applied twice', () =>
    expect(() => deinterleaveExperts(separated)).toThrow(
      'deinterleaveExperts: w13 is L1 already (separated rows). A second de-interleave would mix gate and up rows (L6) without any ' +
        'error downstream; leave this step out. Only OpenAI and Hugging Face GPT-OSS checkpoints are interleaved.',
    ));

  it('cannot be undone twice', () =>
    expect(() => interleaveExperts(layer)).toThrow(
      'interleaveExperts: w13 is L0 already (checkpoint order). Leave this step out.',
    ));

  it('refuses shuffled weights', () => {
    const shuffled = shuffleExperts(separated, 'separated', { align: 1 });
    const rest = 'before the shuffle: start again from the checkpoint, or permute back to it.';
    expect(() => deinterleaveExperts(shuffled)).toThrow(
      `deinterleaveExperts: w13 is L2 (separated, shuffled for GateMode SEPARATED). Rows can only de-interleave ${rest}`,
    );
    expect(() => interleaveExperts(shuffled)).toThrow(`Rows can only interleave ${rest}`);
  });

  it('refuses what was half applied', () => {
    const half = { ...layer, w13: separated.w13 };
    expect(() => deinterleaveExperts(half)).toThrow(ExpertStateError);
    expect(() => deinterleaveExperts(half)).toThrow(
      'deinterleaveExperts: w13 is L1 (separated rows, not shuffled), w13_scale is L0 (checkpoint rows g0, u0, g1, u1, …, not shuffled), ' +
        'w13_bias is L0 (checkpoint rows g0, u0, g1, u1, …, not shuffled): they must be in one state, because rows of weight, scale and ' +
        'bias move together. Take all of them from the step before the one that was half applied.',
    );
    const bias = { ...separated, w13_bias: layer.w13_bias as never };
    expect(() => interleaveExperts(bias)).toThrow('w13_bias is L0');
    const odd = assume(layer.w13, { type: 'e2m1', layout: gateUpInterleaved([2, 128, 128], 2) });
    expect(() => deinterleaveExperts({ ...layer, w13: odd })).toThrow(
      'w13 is stored as gate_up_interleaved, which is no order of w13',
    );
  });

  it('refuses wrong types and shapes', () => {
    const w13 = tensor('w13', 'e2m1', rowMajor([2, 5, 64]), new Uint8Array(320));
    expect(() => deinterleaveExperts({ ...layer, w13 })).toThrow(
      'deinterleaveExperts: operand "w13": has 5 rows an expert, expected an even number: gate and up rows come in pairs.',
    );
    const narrow = tensor('w13', 'e2m1', rowMajor([2, 4, 48]), new Uint8Array(192));
    expect(() => deinterleaveExperts({ ...layer, w13: narrow })).toThrow(
      'operand "w13": has H = 48, expected a multiple of 32: 32 elements share a scale.',
    );
    const scale = tensor('w13_scale', 'e8m0', rowMajor([3, 128, 4]), new Uint8Array(1536), 'e8m0');
    expect(() => deinterleaveExperts({ ...layer, w13_scale: scale })).toThrow(
      'operand "w13_scale": has shape [3, 128, 4], expected [2, 128, 4] (E, rows, columns / 32 of w13).',
    );
    const bias = tensor('w13_bias', 'bf16', rowMajor([2, 128]), new Uint8Array(512));
    expect(() => deinterleaveExperts({ ...layer, w13_bias: bias })).toThrow('is bf16, expected f32.');
  });
});
