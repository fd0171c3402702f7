import { describe, expect, it } from 'vitest';
import { rowMajor, shuffleScale, shuffleWeight } from '../../src/layout/catalog.ts';
import {
  requireLayout,
  requireOperand,
  requireRank,
  requireScaling,
  requireShape,
  requireType,
} from '../../src/tensor/expect.ts';
import {
  asBytes,
  asF32,
  asF64,
  asI32,
  assume,
  asU16,
  asU32,
  elementBits,
  LayoutMismatchError,
  materialize,
  storageBytes,
  tensor,
  tensorFrom,
} from '../../src/tensor/index.ts';

describe('making tensors', () => {
  it('counts bytes in storage, padding and packing included', () => {
    expect(storageBytes({ type: 'e4m3fn', layout: rowMajor([3, 5]) })).toBe(15);
    expect(storageBytes({ type: 'bf16', layout: rowMajor([3, 5]) })).toBe(30);
    expect(storageBytes({ type: 'e2m1', layout: rowMajor([3, 6]) })).toBe(9);
    expect(storageBytes({ type: 'e8m0', layout: shuffleScale([3, 5]) })).toBe(2048);
    expect(materialize({ name: 'z', type: 'f32', layout: rowMajor([4]) }).bytes).toEqual(new Uint8Array(16));
  });

  it('refuses bytes that do not fit', () =>
    expect(() => tensor('w', 'e8m0', shuffleScale([3, 5]), new Uint8Array(15))).toThrow(
      'tensor "w": 15 bytes were given, but e8m0 [3, 5] in layout shuffle_scale takes 2048 bytes (storage shape [256, 8]). Check shape, type and padding.',
    ));

  it('shares memory', () => {
    const data = Float32Array.of(1, 2, 3, 4);
    const made = tensorFrom('x', 'f32', [2, 2], data);
    expect(made.bytes.buffer).toBe(data.buffer);
    expect(asF32(made).buffer).toBe(data.buffer);
    expect(asBytes(data).length).toBe(16);
  });

  it('views every width, and copies where a file put the bytes at an odd offset', () => {
    const odd = new Uint8Array(17).subarray(1);
    odd.set(new Uint8Array(Float64Array.of(1.5, -2).buffer));
    const f64 = tensor('x', 'f64', rowMajor([2]), odd);
    expect([...asF64(f64)]).toEqual([1.5, -2]);
    expect(asU16(f64).length).toBe(8);
    expect(asU32(f64).length).toBe(4);
    expect(asI32(f64)[3]).toBe(-1073741824);
    expect(() => asF32(tensor('b', 'u8', rowMajor([3]), new Uint8Array(3)))).toThrow(
      'tensor "b": 3 bytes of u8 cannot be viewed as 4-byte words.',
    );
  });

  it('knows the width of every type', () => {
    expect((['e2m1', 'e8m0', 'e2m3', 'f16', 'f32', 'f64', 'i64'] as const).map(elementBits)).toEqual([
      4, 8, 8, 16, 32, 64, 64,
    ]);
  });
});

describe('claims about bytes', () => {
  const w = tensorFrom('w', 'e4m3fn', [16, 32], new Uint8Array(512));
  const layout = shuffleWeight([16, 32]);

  it('are explicit', () => {
    const claimed = assume(w, { type: 'e4m3fn', layout });
    expect(claimed.layout.id).toBe('shuffle_weight(16,16)');
    expect(claimed.bytes).toBe(w.bytes);
    expect(assume(w, { type: 'u8', layout: rowMajor([512]), name: 'raw' }).name).toBe('raw');
    expect(() => assume(w, { type: 'bf16', layout })).toThrow('tensor "w": 512 bytes were given, but bf16 [16, 32]');
  });

  it('are checked by mapping, not by name', () => {
    expect(() => requireLayout('gemm', assume(w, { type: 'e4m3fn', layout }), layout)).not.toThrow();
    expect(() => requireLayout('gemm', w, layout)).toThrow(LayoutMismatchError);
    try {
      requireLayout('gemm', w, layout);
    } catch (error) {
      expect(error).toMatchObject({
        code: 'layout-mismatch',
        where: 'gemm',
        tensor: 'w',
        expected: ['shuffle_weight(16,16)'],
      });
      expect((error as Error).message).toBe(
        'gemm: tensor "w" is stored as row-major [16, 32], but this op reads shuffle_weight(16,16). Convert it with permute(tensor.bytes, ' +
          'tensor.layout, expected, bits) or the "permute" op to shuffle_weight(16,16); if the bytes already are in that layout, say so with assume().',
      );
    }
  });
});

describe('what an op asks of its operands', () => {
  const x = tensorFrom('x', 'f32', [2, 3], new Float32Array(6), 'f32');
  it('a name', () =>
    expect(() => requireOperand('gemm', { x, r: undefined }, 'w')).toThrow(
      'gemm: operand "w": missing. Given: x. Pass a tensor under this name.',
    ));
  it('a type', () =>
    expect(() => requireType('gemm', x, 'bf16', 'f16')).toThrow(
      'gemm: operand "x": is f32, expected bf16 or f16. Convert it with encode, or assume() the type if the bytes are right.',
    ));
  it('a shape', () =>
    expect(() => requireShape('gemm', x, [undefined, 4], 'rows x K')).toThrow(
      'gemm: operand "x": has shape [2, 3], expected [*, 4] (rows x K).',
    ));
  it('a rank', () => {
    expect(() => requireRank('gemm', x, 3, 3, 'experts x rows x columns')).toThrow(
      'gemm: operand "x": has 2 dimensions [2, 3], expected 3 (experts x rows x columns).',
    );
    expect(() => requireRank('gemm', x, 3, 4, 'more')).toThrow('expected 3 to 4 (more).');
  });
  it('a scale encoding', () => {
    expect(() => requireScaling('gemm', x, 'e8m0')).toThrow(
      'gemm: operand "x": holds f32 scales, expected e8m0. Reading one as the other gives finite nonsense; convert the scales first.',
    );
    expect(() => requireScaling('gemm', x, 'f32')).not.toThrow();
  });
});
