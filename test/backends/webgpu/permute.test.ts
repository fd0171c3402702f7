import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../../backends/backend.ts';
import { openWebGpu } from '../../../backends/webgpu/index.ts';
import { type ElementType, elementBits } from '../../../src/formats/element-type.ts';
import { catalog } from '../../../src/layout/catalog.ts';
import type { Layout } from '../../../src/layout/layout.ts';
import { rowMajor } from '../../../src/layout/plain.ts';
import { ops } from '../../../src/ops/registry.ts';
import { storageBytes, tensor } from '../../../src/tensor/make.ts';

const TYPES: readonly ElementType[] = ['e2m1', 'e4m3fn', 'bf16', 'f32', 'f64'];

/** Bytes that depend on their address, padding included: what is read from padding or from elsewhere shows. */
function addressed(type: ElementType, layout: Layout): Uint8Array {
  return Uint8Array.from({ length: storageBytes({ type, layout }) }, (_, index) => index * 131 + (index >> 8) * 17 + 7);
}

async function expectSame(backend: Backend, type: ElementType, from: Layout, to: Layout): Promise<void> {
  const x = tensor('x', type, from, addressed(type, from));
  const params = { to, fill: 0xa5 };
  const { y } = await backend.run('permute', params, { x });
  const expected = ops.permute.reference(params, { x }).y;
  const wrong = y.bytes.findIndex((byte, index) => byte !== expected.bytes[index]);
  if (wrong >= 0)
    expect.fail(
      `${type} ${from.id} -> ${to.id}: byte ${wrong} is ${y.bytes[wrong]}, expected ${expected.bytes[wrong]}`,
    );
  expect(y.layout).toBe(to);
}

describe.each([
  ['as the device is', {}],
  ['with small bindings and grids', { maxStorageBufferBindingSize: 4096, maxComputeWorkgroupsPerDimension: 3 }],
])('%s', (_name, limits) => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await openWebGpu({ limits });
  });
  afterAll(() => backend.dispose());

  describe.each(TYPES)('%s', (type) => {
    const bits = elementBits(type);
    it('goes to every layout of the catalog and back', async () => {
      for (const entry of catalog) {
        const layout = entry.bind(entry.example, bits === 4 || bits === 16 ? { bits } : {});
        const plain = rowMajor(layout.shape);
        await expectSame(backend, type, plain, layout);
        await expectSame(backend, type, layout, plain);
      }
    });

    it('handles sizes that do not fill a word', async () => {
      for (const shape of [[1], [3], [5, 7], [3, 5, 9]]) {
        const plain = rowMajor(shape);
        await expectSame(backend, type, plain, plain);
        if (shape.length === 2) {
          const transposed = catalog.find(({ id }) => id === 'scale-cm')?.bind(shape);
          if (transposed !== undefined) await expectSame(backend, type, plain, transposed);
        }
      }
    });
  });
});
