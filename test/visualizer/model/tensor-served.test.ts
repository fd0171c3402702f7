import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StaticServer, serveFolder } from '../../../src/cli/static-server.ts';
import { openTensorFile } from '../../../src/visualizer/model/tensor-file.ts';
import { servedSource } from '../../../src/visualizer/model/tensor-served.ts';

const GOLDEN = fileURLToPath(new URL('../../golden/', import.meta.url));
let server: StaticServer;

beforeAll(async () => {
  server = await serveFolder(GOLDEN, { port: 0, file: path.join(GOLDEN, 'shuffle.safetensors') });
});
afterAll(() => server.close());

it('reads a file of the server in ranges', async () => {
  const file = await openTensorFile(await servedSource(`${server.url}opened/shuffle.safetensors`));
  expect(file.tensors.length).toBeGreaterThan(100);
  expect((await file.load('xscale_t_2x3/x')).length).toBe(24);
});

it('says what to do when the server does not have it, or is gone', async () => {
  await expect(servedSource(`${server.url}opened/other.safetensors`)).rejects.toThrow(
    'other.safetensors: the server answers 404. Start `preshuffle visualize other.safetensors` again, or drop the file on this page.',
  );
  await expect(servedSource('http://127.0.0.1:1/opened/w.npy')).rejects.toThrow(
    /^w.npy: the server that offered it does not answer\./,
  );
});
