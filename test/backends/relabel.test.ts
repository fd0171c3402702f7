import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../backends/backend.ts';
import { openBackend } from '../../backends/registry.ts';
import { scaleColumnMajor, scaleTransposedView } from '../../src/layout/activation-scale.ts';
import { shuffleScale } from '../../src/layout/catalog.ts';
import { tensor } from '../../src/tensor/make.ts';

const bytes = Uint8Array.from({ length: 60 }, (_, index) => index);
const scale = tensor('s', 'f32', scaleTransposedView([3, 5]), bytes, 'f32');

describe.each(['cpu', 'webgpu'] as const)('relabel on %s', (id) => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await openBackend(id);
  });
  afterAll(() => backend.dispose());

  it('keeps the bytes and changes layout and name', async () => {
    const moved = backend.relabel(await backend.upload(scale), { layout: scaleColumnMajor([3, 5]), name: 's_cm' });
    const back = await backend.download(moved);
    expect([back.name, back.layout.id, back.scaling, back.type]).toEqual(['s_cm', 'scale-cm', 'f32', 'f32']);
    expect(back.bytes).toEqual(bytes);
    backend.free(moved);
  });

  it('ends the life of the old handle', async () => {
    const handle = await backend.upload(scale);
    const moved = backend.relabel(handle, { layout: scaleColumnMajor([3, 5]) });
    expect(() => backend.free(handle)).toThrow('tensor "s" is not on');
    backend.free(moved);
  });

  it('refuses a layout of another size', async () => {
    const handle = await backend.upload(scale);
    expect(() => backend.relabel(handle, { layout: shuffleScale([3, 5]) })).toThrow(
      /^tensor "s": 60 bytes .* takes \d+ bytes/,
    );
    backend.free(handle);
  });
});
