import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { preshuffle } from '../helpers/cli.ts';

let folder = '';
let child: ChildProcess | undefined;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-visualize-'));
});
afterEach(() => {
  child?.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts the server and gives its first line. */
async function start(args: readonly string[]): Promise<{ readonly line: string; readonly process: ChildProcess }> {
  const started = spawn(process.execPath, ['dist/cli.js', 'visualize', '--no-open', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child = started;
  const line = await new Promise<string>((resolve, reject) => {
    started.once('exit', (code) => reject(new Error(`visualize ended with ${code} before it printed its address`)));
    started.stdout?.once('data', (chunk: Buffer) => resolve(String(chunk).split('\n')[0] ?? ''));
  });
  return { line, process: started };
}

/** A request with a header of our own choice, which fetch does not allow. */
function get(url: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

describe('preshuffle visualize', () => {
  it('serves the page under a policy that allows no other origin, until it is interrupted', async () => {
    const { line, process: server } = await start([]);
    expect(line).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const page = await fetch(line);
    const html = await page.text();
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    expect(html).toContain("default-src 'none'");
    expect(html).not.toMatch(/https?:\/\//);
    expect((await fetch(`${line}main.js`)).headers.get('content-type')).toContain('javascript');
    expect((await fetch(`${line}../package.json`)).status).toBe(404);
    expect((await fetch(line, { method: 'POST' })).status).toBe(405);
    const exit = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGINT');
    expect(await exit).toBe(0);
  });

  it('answers no other name than localhost, so that a page elsewhere cannot read it', async () => {
    const { line } = await start([]);
    expect(await get(line, 'localhost:1')).toBe(200);
    expect(await get(line, 'example.org')).toBe(403);
  });

  it('takes a permalink, whole or from its hash', async () => {
    const link = '#v=1&screen=lens&a=shuffle_scale&shape=256,16';
    expect((await start([link])).line).toMatch(new RegExp(`/${link.replace(/[()]/g, '\\$&')}$`));
    child?.kill();
    expect((await start([`http://127.0.0.1:4000/${link}`])).line).toContain(link);
    child?.kill();
    expect((await start(['screen=diff'])).line).toContain('/#screen=diff');
  });

  it('offers a file to the page, in ranges, and nothing beside it', async () => {
    const file = path.join(folder, 'a & b.npy');
    writeFileSync(file, 'abcdef');
    writeFileSync(path.join(folder, 'secret.txt'), 'secret');
    const { line } = await start([file]);
    expect(line).toMatch(/#v=1&screen=tensor&file=opened\/a%20%26%20b\.npy$/);
    const origin = line.replace(/#.*/, '');
    const part = await fetch(`${origin}opened/a & b.npy`, { headers: { Range: 'bytes=2-3' } });
    expect([part.status, await part.text()]).toEqual([206, 'cd']);
    for (const other of ['opened/secret.txt', 'opened/', 'opened/..%2fsecret.txt', 'secret.txt'])
      expect((await fetch(origin + other)).status).toBe(404);
    child?.kill();
    const report = path.join(folder, 'report.json');
    writeFileSync(report, '{}');
    expect((await start([report])).line).toContain('#v=1&screen=golden&file=opened/report.json');
  });

  it('writes the page into a folder', () => {
    const out = path.join(folder, 'page');
    const { status, stdout } = preshuffle(['visualize', '--out', out]);
    expect(stdout).toBe(`The visualizer is in ${out}: any static host can serve it.\n`);
    expect(status).toBe(0);
    expect(readdirSync(out)).toEqual(expect.arrayContaining(['index.html', 'main.js', 'main.css']));
    expect(readFileSync(path.join(out, 'index.html'), 'utf8')).toContain('src="main.js"');
  });

  it('does not write into a folder that holds something', () => {
    writeFileSync(path.join(folder, 'mine.txt'), 'mine');
    const { status, stderr } = preshuffle(['visualize', '--out', folder]);
    expect(stderr).toBe(`preshuffle: ${folder} is not empty; name a folder that does not exist yet.\n`);
    expect(status).toBe(2);
  });

  it.each([
    [
      'a word',
      ['lens'],
      '"lens" is neither a file here nor a permalink; expected such as dump.safetensors or "#v=1&screen=lens&a=shuffle_scale".',
    ],
    ['a port', ['--port', '70000'], '"70000" is not a port, expected 0 to 65535.'],
    [
      'a host',
      ['--host', '192.0.2.1'],
      'host 192.0.2.1 is no address of this machine; leave --host out for 127.0.0.1.',
    ],
  ])('names %s that it cannot use', (_what, args, message) => {
    const { status, stderr } = preshuffle(['visualize', '--no-open', ...args]);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });

  it('names a port that is taken', async () => {
    const { line } = await start([]);
    const port = new URL(line).port;
    const { status, stderr } = preshuffle(['visualize', '--no-open', '--port', port]);
    expect(stderr).toBe(
      `preshuffle: port ${port} of 127.0.0.1 is in use; give another with --port, or --port 0 for any free one.\n`,
    );
    expect(status).toBe(2);
  });
});
