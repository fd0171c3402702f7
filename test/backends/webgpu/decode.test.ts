import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import type { NarrowFormatName } from '../../../src/formats/decode.ts';
import { formatFacts } from '../../../src/formats/facts.ts';
import { packNibbles } from '../../../src/formats/pack.ts';
import { compareTensors } from '../../../src/golden/index.ts';
import { shuffleScale } from '../../../src/layout/catalog.ts';
import { decode } from '../../../src/ops/decode.ts';
import { tensor, tensorFrom } from '../../../src/tensor/make.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { expectGolden } from './gemm-support.ts';

const NARROW = ['f16', 'bf16', 'e4m3fn', 'e4m3fnuz', 'e5m2', 'e5m2fnuz', 'e8m0', 'e2m1', 'e2m3', 'e3m2'] as const;

let backend: Backend;
beforeAll(async () => {
  backend = await openWebGpu();
});
afterAll(() => backend.dispose());

/** The codes 0, 1, 2, …, from the first again after the last. */
function codes(format: NarrowFormatName, count: number): Tensor {
  const { codeBits } = formatFacts(format);
  const numbers = Array.from({ length: count }, (_, i) => i % 2 ** codeBits);
  if (codeBits === 16) return tensorFrom('x', format, [count], Uint16Array.from(numbers));
  if (codeBits !== 4) return tensorFrom('x', format, [count], Uint8Array.from(numbers));
  return tensorFrom('x', format, [count], packNibbles(Uint8Array.from(count % 2 === 0 ? numbers : [...numbers, 0])));
}

async function expectReference(x: Tensor, on: Backend = backend): Promise<void> {
  const { y } = await on.run('decode', {}, { x });
  const expected = decode.reference({}, { x }).y;
  expect(compareTensors(y, { output: 'y', expected, compare: 'exact', padding: true }).first, x.type).toBeUndefined();
}

describe('decode', () => {
  it('passes the golden cases', async () => {
    await expectGolden(backend, 'formats.safetensors', ['decode']);
  });

  it.each(NARROW)('gives the value of every %s code', async (format) => {
    await expectReference(codes(format, 65536));
  });

  it('reads the last word, however many codes it holds', async () => {
    for (const format of NARROW) {
      for (let count = 1; count <= 9; count += 1) await expectReference(codes(format, count));
    }
  });

  it('converts padding, too: the layout stays', async () => {
    const layout = shuffleScale([3, 5]);
    await expectReference(
      tensor(
        'x',
        'e8m0',
        layout,
        Uint8Array.from({ length: layout.storageSize }, (_, i) => i),
      ),
    );
  });

  it('gives the same values in parts on a small device', async () => {
    const small = await openWebGpu({
      limits: { maxStorageBufferBindingSize: 4096, maxComputeWorkgroupsPerDimension: 3 },
    });
    try {
      for (const format of ['e2m1', 'e4m3fn', 'f16'] as const) await expectReference(codes(format, 10_001), small);
    } finally {
      await small.dispose();
    }
  });
});
