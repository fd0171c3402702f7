import { describe, expect, it } from 'vitest';
import { catalog, MFMA_MAPS } from '../../../src/layout/index.ts';
import {
  findMfma,
  mfmaRef,
  REGISTER_REFS,
  resolveLayout,
  resolveRegisters,
} from '../../../src/visualizer/model/layout-ref.ts';

describe('resolveLayout', () => {
  it.each(catalog.map((entry) => [entry.id, entry] as const))('%s of the catalog', (id, entry) => {
    const resolved = resolveLayout(id, entry.example, { bits: 8 });
    expect(resolved.layout.shape).toEqual(entry.example);
    expect([resolved.title, resolved.source, resolved.entry]).toEqual([entry.title, entry.source, entry]);
  });
  it('a matrix operand, which has a shape of its own', () => {
    const resolved = resolveLayout('mfma.16x16x128.B.fp4', [1, 2, 3], {});
    expect(resolved.layout.shape).toEqual([16, 128]);
    expect(resolved.title).toBe('v_mfma_scale_f32_16x16x128_f8f6f4: operand B, 4 bits');
    expect(resolved.source).toBe('v_mfma_scale_f32_16x16x128_f8f6f4 (kernels)');
    expect(resolved.mfma?.operand).toBe('B');
  });
  it('a pattern', () => {
    const resolved = resolveLayout('(n0 n1:16) (k) -> n0 k n1', [32, 8], {});
    expect([resolved.layout.id, resolved.title]).toEqual(['custom', 'Custom layout']);
    expect(resolved.layout.offset([17, 3])).toBe(8 * 16 + 3 * 16 + 1);
  });
  it('refuses what means nothing', () => {
    expect(() => resolveLayout('shuffle', [4, 4], {})).toThrow(
      'Layout "shuffle" is not known. Choose one of the catalog or a matrix operand, or write a pattern such as ' +
        '"(n0 n1:16) (k0 k1:32) -> n0 k0 n1 k1".',
    );
  });
  it("passes on the library's reasons", () => {
    expect(() => resolveLayout('shuffle_weight(16,16)', [60, 64], { bits: 8 })).toThrow(
      /n = 60 is not a multiple of 16/,
    );
    expect(() => resolveLayout('(n0 n1:16) -> n0', [32], {})).toThrow(/digit "n1" is missing from the storage order/);
    expect(() => resolveLayout('shuffle_weight(16,16)', [64, 64], { bits: 32 })).toThrow(/expected 4 \(fp4\), 8 or 16/);
  });
});

describe('matrix operands', () => {
  it('have references of their own', () => {
    const refs = MFMA_MAPS.map(mfmaRef);
    expect(new Set(refs).size).toBe(MFMA_MAPS.length);
    for (const [index, ref] of refs.entries()) expect(findMfma(ref)).toBe(MFMA_MAPS[index]);
    expect(findMfma('mfma.1x1x1.B.fp4')).toBeUndefined();
  });
});

describe('resolveRegisters', () => {
  it.each(REGISTER_REFS)('%s', (ref) => {
    const map = resolveRegisters(ref);
    expect(map.vgprs).toBeGreaterThan(0);
    expect(map.title).not.toBe('');
  });
  it.each(['load32', 'toString', 'mfma.16x16x128.scale.e8m0'])('refuses %s', (ref) => {
    expect(() => resolveRegisters(ref)).toThrow(
      `Register map "${ref}" is not known; there are ${REGISTER_REFS.join(', ')}.`,
    );
  });
});
