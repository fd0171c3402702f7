import { describe, expect, it } from 'vitest';
import { scaleTransposedView } from '../../src/layout/activation-scale.ts';
import { addRmsnormQuant } from '../../src/ops/add-rmsnorm-quant.ts';
import { stored } from './gemm-moe-support.ts';
import { normOf } from './norm-support.ts';
import { errorOf, floats } from './quant-support.ts';

describe('add_rmsnorm_quant: errors', () => {
  const plan = (params: object, operands: object): string =>
    errorOf(() => addRmsnormQuant.plan(params, operands as never));
  const row = (columns: number) => normOf([1], columns);
  const text = (parameter: string, rest: string): string => `add_rmsnorm_quant: parameter "${parameter}": ${rest}`;
  const threads = (group: number, size: string, columns: number): string =>
    text(
      'group',
      `is ${group}, but threads take ${size} elements each from a row of ${columns}, a group belongs to 1, 2, 4, ... or 64 ` +
        'threads, and groups divide the row: ',
    );

  it('long rows', () => {
    expect(plan({}, row(8200))).toBe(
      'add_rmsnorm_quant: operand "x": has rows of 8200 elements [1, 8200], expected at most 8192: the kernel keeps a row in ' +
        'registers. Use fused_rms_fp8_group_quant for longer rows.',
    );
  });

  it('groups that no threads can share', () => {
    expect(plan({ group: 128 }, row(5120))).toBe(
      `${threads(128, '24', 5120)}no group does. Use 0 for one scale a token.`,
    );
    expect(plan({ group: 128 }, row(6144))).toBe(
      `${threads(128, '24', 6144)}use one of 24, 48, 96, 192, 384, 768, 1536, or 0 for one scale a token.`,
    );
    expect(plan({ group: 24 }, row(1536))).toBe(
      `${threads(24, '8', 1536)}use one of 8, 16, 32, 64, 128, 256, 512, or 0 for one scale a token.`,
    );
    expect(plan({ group: 1024 }, row(2048))).toContain('use one of 8, 16, 32, 64, 128, 256, 512, or 0');
    expect(plan({ group: 128 }, row(192))).toContain('use one of 8, 16, 32, 64, or 0');
    expect(plan({ group: 16 }, row(8192))).toContain('use one of 32, 64, 128, 256, 512, 1024, 2048, or 0');
    const { x, w } = row(8192);
    expect(plan({ group: 4 }, { x, w, r: x })).toContain('threads take 8 or 16 elements');
    expect(() => addRmsnormQuant.plan({ group: 16 }, { x, w, r: x })).not.toThrow();
    for (const columns of [128, 2048, 4096, 8192]) {
      expect(() => addRmsnormQuant.plan({ group: 128 }, row(columns))).not.toThrow();
    }
    expect(plan({ group: -1 }, row(8))).toBe(
      text('group', 'is -1, expected 0 (one scale a token) or a positive integer.'),
    );
    expect(plan({ group: 1.5 }, row(8))).toContain('is 1.5, expected 0');
  });

  it('scales that the kernel does not write', () => {
    expect(plan({ scaleType: 'e8m0' }, row(64))).toBe(
      text('scaleType', 'is e8m0, but one scale a token is always f32. Give a group.'),
    );
    expect(plan({ scaleStore: 'transposed-view' }, row(64))).toBe(
      text(
        'scaleStore',
        'is transposed-view, but one scale a token has no order to choose. Leave it out, or give a group.',
      ),
    );
    expect(plan({ group: 32, scaleType: 'e8m0', scaleStore: 'transposed-view' }, row(64))).toBe(
      text(
        'scaleStore',
        'is transposed-view, but shuffle_scale=True stores e8m0 scales of groups of 32 in MX tiles: use shuffled.',
      ),
    );
    expect(plan({ group: 32, scaleStore: 'shuffled' }, row(64))).toBe(
      text(
        'scaleStore',
        'is shuffled, but shuffle_scale=True stores f32 scales of groups of 32 transposed: use transposed-view.',
      ),
    );
    expect(plan({ group: 32, scaleStore: 'column-major' }, row(64))).toBe(
      text('scaleStore', 'is "column-major", expected row-major or transposed-view or shuffled.'),
    );
    expect(plan({ scaleType: 'f16' }, row(64))).toBe(text('scaleType', 'is "f16", expected f32 or e8m0.'));
  });

  it('operands', () => {
    const { x, w } = row(64);
    expect(plan({}, { x: floats('x', 'f32', [1, 64], new Float32Array(64)), w })).toMatch(
      /^add_rmsnorm_quant: operand "x": is f32, expected bf16 or f16\./,
    );
    expect(plan({}, { x, w: row(64).w, r: floats('r', 'f16', [1, 64], new Float32Array(64)) })).toMatch(
      /^add_rmsnorm_quant: operand "r": is f16, expected bf16\./,
    );
    expect(plan({}, { x, w: normOf([], 64, 'f16').w })).toMatch(
      /^add_rmsnorm_quant: operand "w": is f16, expected bf16\./,
    );
    expect(plan({}, { x, w: row(32).w })).toBe(
      'add_rmsnorm_quant: operand "w": has shape [32], expected [64] (one weight for each column of x).',
    );
    expect(plan({}, { x, w, r: { ...row(32).x, name: 'r' } })).toBe(
      'add_rmsnorm_quant: operand "r": has shape [1, 32], expected [1, 64] (the shape of x).',
    );
    expect(plan({}, { w })).toBe('add_rmsnorm_quant: operand "x": missing. Given: w. Pass a tensor under this name.');
    const two = floats('x', 'bf16', [2, 64], new Float32Array(128));
    expect(plan({}, { x: stored(two, scaleTransposedView([2, 64])), w })).toMatch(
      /^add_rmsnorm_quant: tensor "x" is stored as scale-tv \[2, 64\], but this op reads row-major\./,
    );
  });

  it('numbers', () => {
    expect(plan({ eps: Number.NaN }, row(8))).toBe(
      text('eps', 'is NaN, expected a finite number that is not negative.'),
    );
    expect(plan({ residualRounding: 'truncate' }, normOf([1], 8, 'f16'))).toBe(
      text('residualRounding', 'is truncate, which exists for bf16 only, but x is f16.'),
    );
    expect(plan({ format: 'e5m2' }, row(8))).toBe(text('format', 'is "e5m2", expected e4m3fn or e4m3fnuz.'));
  });
});
