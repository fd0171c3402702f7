// The code objects in the repository are those that its sources compile to, and the table in docs is theirs.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES, compileCached, inParallel, jobs } from '../../../src/tools/hip/compile.ts';
import { inspectAll } from '../../../src/tools/hip/inspection.ts';
import { kernelPage, pageCompiler } from '../../../src/tools/hip/kernel-page.ts';
import type { Manifest } from '../../../src/tools/hip/manifest.ts';
import { findToolchain } from '../../../src/tools/hip/toolchain.ts';
import { skipWithoutClang } from './toolchain.ts';

const OBJECTS = 'backends/hip/objects';
const PAGE = 'docs/hip-kernels.md';
const manifest = JSON.parse(readFileSync(path.join(OBJECTS, 'manifest.json'), 'utf8')) as Manifest;

describe('code objects in the repository', () => {
  it('are those of the manifest', () => {
    const files = ARCHITECTURES.flatMap((arch) =>
      readdirSync(path.join(OBJECTS, arch)).map((name) => `${arch}/${name}`),
    );
    expect(files.sort()).toEqual(manifest.objects.map(({ object }) => object).sort());
    for (const { object, bytes, sha256 } of manifest.objects) {
      const content = readFileSync(path.join(OBJECTS, object));
      const found = { object, bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
      expect(found).toEqual({ object, bytes, sha256 });
    }
  });

  it.skipIf(skipWithoutClang)(
    'are what this compiler makes of the sources, where it is the one that made them',
    async () => {
      const toolchain = findToolchain();
      const all = jobs('.');
      const expected = all.map(({ arch, source }) => `${arch}/${source.name}.hsaco`);
      expect(manifest.objects.map(({ object }) => object).sort()).toEqual(expected.sort());
      if (toolchain.version !== manifest.compiler) return;
      const stale = await inParallel(all, async (job) => {
        const file = path.join(OBJECTS, job.arch, `${job.source.name}.hsaco`);
        const isSame =
          existsSync(file) && readFileSync(await compileCached(toolchain, '.', job)).equals(readFileSync(file));
        return isSame ? [] : [file];
      });
      expect(stale.flat(), 'run "npm run build:hip" and commit').toEqual([]);
    },
  );

  it.skipIf(skipWithoutClang)('are described in docs/hip-kernels.md', async () => {
    const toolchain = findToolchain();
    const page = readFileSync(PAGE, 'utf8');
    expect(pageCompiler(page)).toBe(manifest.compiler);
    if (toolchain.version !== manifest.compiler) return;
    const now = kernelPage(toolchain.version, ARCHITECTURES, await inspectAll(toolchain, '.'));
    expect(page === now, `run "npm run inspect:hip": ${PAGE} is out of date`).toBe(true);
  });
});
