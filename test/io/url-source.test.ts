import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { serveFolder } from '../../src/cli/static-server.ts';
import { HttpSourceError, readSafetensors, urlSource, writeSafetensors } from '../../src/io/index.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function served(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/w.safetensors`;
}

it('reads one tensor of a served file without reading the others', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-url-'));
  closing.push(() => rmSync(folder, { recursive: true }));
  const big = new Uint8Array(100_000).fill(7);
  const small = Uint8Array.of(1, 2, 3);
  const file = writeSafetensors([
    { name: 'big', dtype: 'U8', shape: [100_000], bytes: big },
    { name: 'small', dtype: 'U8', shape: [3], bytes: small },
  ]);
  writeFileSync(path.join(folder, 'w.safetensors'), file);
  const server = await serveFolder(folder, { port: 0 });
  closing.push(() => server.close());
  const source = await urlSource(`${server.url}w.safetensors`);
  expect(source.name).toBe('w.safetensors');
  expect(source.size).toBe(file.length);
  let read = 0;
  const counted = {
    ...source,
    read: async (begin: number, end: number) => {
      read += end - begin;
      return source.read(begin, end);
    },
  };
  const opened = await readSafetensors(counted);
  expect([...(await opened.read('small')).bytes]).toEqual([1, 2, 3]);
  expect(read).toBeLessThan(10_000);
  expect(await source.read(5, 5)).toEqual(new Uint8Array(0));
});

it('says what a server does not do', async () => {
  const missing = await served((_, response) => response.writeHead(404).end());
  await expect(urlSource(missing)).rejects.toThrow(new HttpSourceError(missing, 'the server answers 404 Not Found.'));
  const endless = await served((_, response) => response.writeHead(200, { 'transfer-encoding': 'chunked' }).end());
  await expect(urlSource(endless)).rejects.toThrow(`${endless}: the server does not say how long the file is.`);
  const whole = await served((request, response) => {
    response.writeHead(200, { 'content-length': 4 }).end(request.method === 'HEAD' ? undefined : 'abcd');
  });
  const source = await urlSource(whole);
  expect(await source.read(0, 4)).toEqual(Uint8Array.of(97, 98, 99, 100));
  await expect(source.read(1, 3)).rejects.toThrow(
    `${whole}: bytes 1 to 2 were asked for, the server answers 200 OK; it must serve ranges.`,
  );
  const shrinking = await served((request, response) => {
    if (request.method === 'HEAD') response.writeHead(200, { 'content-length': 4 }).end();
    else response.writeHead(206, { 'content-length': 1 }).end('a');
  });
  await expect((await urlSource(shrinking)).read(0, 4)).rejects.toThrow(
    `${shrinking}: bytes 0 to 3 were asked for, 1 came; it changed while it was read.`,
  );
});

it('says that a server cannot be reached', async () => {
  await expect(urlSource('http://127.0.0.1:9/w.safetensors')).rejects.toThrow(
    /^http:\/\/127\.0\.0\.1:9\/w\.safetensors: cannot be reached \(/,
  );
});
