import { describe, expect, it } from 'vitest';
import { openCpu } from '../../backends/cpu/index.ts';
import { openGoldenFile, runGolden } from '../../src/golden/run.ts';
import { writeSafetensors } from '../../src/io/safetensors-write.ts';
import { memorySource } from '../../src/io/source.ts';
import { rowMajor, shuffleScaleGuinterleave } from '../../src/layout/catalog.ts';
import { permute } from '../../src/layout/permute.ts';

const shape = [128, 11];
const x = Uint8Array.from({ length: 128 * 11 }, (_, index) => (index * 37) % 251);
const layout = shuffleScaleGuinterleave(shape, { experts: 2, gateUp: true });
const y = permute(x, rowMajor(shape), layout, 8, { fill: 0x7f });

async function resultOf(keys: object, stored: Uint8Array = y): Promise<string> {
  const bytes = writeSafetensors(
    [
      { name: 'mine/x', dtype: 'U8', shape, bytes: x },
      { name: 'mine/y', dtype: 'U8', shape: [stored.length], bytes: stored },
    ],
    { 'case:mine': JSON.stringify({ op: 'permute', ...keys }) },
  );
  const { results } = await runGolden(openCpu(), [await openGoldenFile(memorySource(bytes, 'file'))]);
  return results.map(({ status, reason }) => `${status} ${reason}`.trim()).join('\n');
}

const KEYS = { dtype: 'e8m0', shape, to: 'shuffle_scale(guinterleave,gate_up)', experts: 2 };

describe('a golden case of permute', () => {
  it('takes any layout of the catalog', async () => {
    expect(await resultOf({ ...KEYS, fill: 0x7f })).toBe('pass');
    const wrong = y.slice();
    wrong[3] = (wrong[3] ?? 0) ^ 1;
    expect(await resultOf(KEYS, wrong)).toMatch(/^fail y: 1 of \d+ elements differ from "y"/);
  });

  it('says what it cannot use', async () => {
    expect(await resultOf({ ...KEYS, to: 'shuffle_all' })).toContain(
      'parameter "to" is "shuffle_all", expected a layout of the catalog (docs/layouts.md).',
    );
    expect(await resultOf({ ...KEYS, dtype: 'fp9' })).toContain(
      'parameter "dtype" is "fp9", expected a float format such as e4m3fn, or an integer type.',
    );
    expect(await resultOf({ ...KEYS, experts: 5 })).toContain('does not accept shape [128, 11]');
  });
});
