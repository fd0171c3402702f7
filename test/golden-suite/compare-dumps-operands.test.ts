import { describe, expect, it } from 'vitest';
import { encode } from '../../src/formats/encode.ts';
import { type BoundCase, boundCase, compareDumpsWithBound } from '../../src/golden/compare-dumps-operands.ts';
import { openGoldenFile } from '../../src/golden/run.ts';
import { memorySource } from '../../src/io/source.ts';
import { asBytes } from '../../src/tensor/make.ts';
import { goldenCases } from '../helpers/golden-edit.ts';

const NAME = 'a8w8_blockscale_16x256x512';
const OP = 'gemm_a8w8_blockscale_bpreshuffle';
const golden = (...names: readonly string[]) =>
  openGoldenFile(memorySource(goldenCases('gemm.safetensors', ...names).bytes(), 'gemm.safetensors'));
const found = async (): Promise<BoundCase> => boundCase(await golden(NAME), OP);
const shape = [16, 256];

/** The exact product, each value moved by a share of its error bound. */
function moved({ bound }: BoundCase, share: number): Float64Array {
  return bound.exact.map((exact, index) => exact + share * (bound.error[index] as number));
}
const f32 = (values: Float64Array, name = 'mine') =>
  ({ name, dtype: 'F32', shape, bytes: asBytes(Float32Array.from(values)) }) as const;
const bf16 = (values: Float64Array, name = 'mine') =>
  ({ name, dtype: 'BF16', shape, bytes: asBytes(Uint16Array.from(values, (value) => encode('bf16', value))) }) as const;

describe('a comparison by the error bound of an op', () => {
  it('finds the only case that runs the op, and passes the exact product', async () => {
    const entry = await found();
    expect([entry.case, entry.op]).toEqual([NAME, OP]);
    const result = compareDumpsWithBound(bf16(moved(entry, 0)), undefined, entry);
    expect(result).toMatchObject({
      passed: true,
      used: 0,
      equal: 1,
      criterion: { kind: 'bound', rtol: null, atol: null, ulp: null },
      a: { type: 'bf16' },
      b: { type: 'f64' },
    });
  });

  it('says which share of the bound is used', async () => {
    const entry = await found();
    const half = compareDumpsWithBound(f32(moved(entry, 0.5)), f32(moved(entry, 0), 'ref'), entry);
    expect([half.passed, half.name]).toEqual([true, 'ref']);
    expect(half.used).toBeGreaterThan(0.4);
    expect(half.used).toBeLessThan(0.9);
    const beyond = compareDumpsWithBound(f32(moved(entry, 3)), f32(moved(entry, 0)), entry);
    expect(beyond.passed).toBe(false);
    expect(beyond.used).toBeGreaterThan(2);
    expect(beyond.smallest).toBeUndefined();
    expect(beyond.worst[0]?.allowed).toHaveLength(2);
  });

  it('rounds a float32 reference to the format of the output', async () => {
    const entry = await found();
    const result = compareDumpsWithBound(bf16(moved(entry, 0)), f32(moved(entry, 0)), entry);
    expect([result.passed, result.equal, result.b.type]).toEqual([true, 1, 'bf16']);
  });

  it('says when the reference itself is wrong', async () => {
    const entry = await found();
    const wrong = moved(entry, 0);
    wrong[300] = 12345;
    const result = compareDumpsWithBound(bf16(moved(entry, 0)), bf16(wrong), entry);
    expect(result.mismatches).toBe(1);
    expect(result.worst).toMatchObject([{ coord: [1, 44], referenceOutsideBound: true }]);
  });

  it('refuses other shapes, other cases and ops without a bound', async () => {
    const entry = await found();
    const other = { ...bf16(moved(entry, 0)), shape: [256, 16] };
    expect(() => compareDumpsWithBound(other, other, entry)).toThrow(
      `"mine" is [256, 16], but ${OP} on the operands gives [16, 256]. Give --shape, or other operands.`,
    );
    await expect(boundCase(await golden(NAME), OP, 'b')).rejects.toThrow(
      `gemm.safetensors has no case "b". It has ${NAME}.`,
    );
    await expect(boundCase(await golden(NAME), 'permute')).rejects.toThrow(
      'permute has no error bound: its outputs are exact. Leave out --op and --operands.',
    );
    await expect(boundCase(await golden(NAME, 'a8w8_blockscale_1x128x128'), OP)).rejects.toThrow(
      'name one with --case',
    );
  });
});
