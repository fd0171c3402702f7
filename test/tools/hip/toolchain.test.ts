import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile, compileCached, KERNEL_FOLDER, kernelSources } from '../../../src/tools/hip/compile.ts';
import { kernelStructs } from '../../../src/tools/hip/structs.ts';
import { findToolchain } from '../../../src/tools/hip/toolchain.ts';
import { skipWithoutClang } from '../../backends/hip/toolchain.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-toolchain-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A package root with these kernels, and the shared headers of the real one. */
function rootWith(name: string, kernels: Readonly<Record<string, string>>): string {
  const root = path.join(folder, name);
  mkdirSync(path.join(root, KERNEL_FOLDER), { recursive: true });
  cpSync(path.join(KERNEL_FOLDER, 'lib'), path.join(root, KERNEL_FOLDER, 'lib'), { recursive: true });
  for (const [file, text] of Object.entries(kernels)) writeFileSync(path.join(root, KERNEL_FOLDER, file), text);
  return root;
}

const KERNEL = `#include "lib/kernel.h"
struct Part { u32 first; u32 second; };
struct ScaleArgs { float *x; const float *y; u32 n; Part part; u32 last[2]; };
PRESHUFFLE_KERNEL(scale, ScaleArgs, 64) { a.x[thread_x()] = a.y[thread_x()] * (float)a.part.second; }
`;

describe('the toolchain', () => {
  it('is looked for where it is named, and must be new enough', () => {
    const old = path.join(folder, 'clang');
    writeFileSync(old, '#!/bin/sh\necho "Debian clang version 19.1.7 (3)"\n');
    chmodSync(old, 0o755);
    expect(() => findToolchain({ PRESHUFFLE_CLANG: old })).toThrow(
      `kernels need clang 20 or newer with lld and llvm-objdump. Tried:\n  ${old}: Debian clang version 19.1.7 (3), too old\n` +
        'On Debian: apt-get install clang-22 lld-22 llvm-22 (from https://apt.llvm.org where the release has none). ' +
        'PRESHUFFLE_CLANG names another one.',
    );
    expect(() => findToolchain({ PRESHUFFLE_CLANG: '/none/clang' })).toThrow('/none/clang: not found');
  });
});

describe('kernel sources', () => {
  it('are for both architectures unless they say otherwise', () => {
    const root = rootWith('targets', {
      'b.hip': '// Text.\n// targets: gfx950\n',
      'a.hip': '// targets are gfx950\n',
      'c.h': '',
    });
    expect(kernelSources(root)).toEqual([
      { name: 'a', file: `${KERNEL_FOLDER}/a.hip`, targets: ['gfx950', 'gfx942'] },
      { name: 'b', file: `${KERNEL_FOLDER}/b.hip`, targets: ['gfx950'] },
    ]);
    const wrong = rootWith('wrong', { 'a.hip': '// targets: gfx90a\n' });
    expect(() => kernelSources(wrong)).toThrow(
      `${KERNEL_FOLDER}/a.hip: "// targets:" names gfx90a, expected some of gfx950 gfx942.`,
    );
  });
});

describe.skipIf(skipWithoutClang)('the compiler', () => {
  it('makes the same bytes in every folder', async () => {
    const toolchain = findToolchain();
    const made = await Promise.all(
      ['one', 'another, longer'].map(async (name) => {
        const root = rootWith(name, { 'scale.hip': KERNEL });
        const [source] = kernelSources(root);
        if (source === undefined) throw new Error('no source');
        await compile(toolchain, root, source, 'gfx950', path.join(root, 'scale.hsaco'));
        return readFileSync(path.join(root, 'scale.hsaco'));
      }),
    );
    expect(made[0]?.length).toBeGreaterThan(1000);
    expect(made[0]?.equals(made[1] as Buffer)).toBe(true);
  });

  it('says where fields of the argument lie', async () => {
    const root = rootWith('structs', { 'scale.hip': KERNEL });
    const [source] = kernelSources(root);
    if (source === undefined) throw new Error('no source');
    expect([...(await kernelStructs(findToolchain(), root, source, 'gfx950'))]).toEqual([
      [
        'scale',
        {
          name: 'ScaleArgs',
          byteLength: 40,
          fields: [
            { name: 'x', offset: 0, inner: [] },
            { name: 'y', offset: 8, inner: [] },
            { name: 'n', offset: 16, inner: [] },
            { name: 'part', offset: 20, inner: [20, 24] },
            { name: 'last', offset: 28, inner: [] },
          ],
        },
      ],
    ]);
  });

  it('is quoted when it fails, with what to do about gfx942', async () => {
    const root = rootWith('broken', {
      'broken.hip': `#include "lib/kernel.h"
struct Args { u32 *x; };
PRESHUFFLE_KERNEL(broken, Args, 64) { a.x[0] = __builtin_amdgcn_permlane16_swap(1, 2, false, false)[0]; }
`,
    });
    const [source] = kernelSources(root);
    if (source === undefined) throw new Error('no source');
    const toolchain = findToolchain();
    await compile(toolchain, root, source, 'gfx950', path.join(root, 'broken.hsaco'));
    await expect(compile(toolchain, root, source, 'gfx942', path.join(root, 'broken.hsaco'))).rejects.toThrow(
      /^backends\/hip\/kernels\/broken\.hip cannot be compiled for gfx942 by clang.*\n[\s\S]*needs target feature[\s\S]*A kernel that needs gfx950 says so in a line of its own: \/\/ targets: gfx950$/,
    );
  });

  it('is asked again only when something changed', async () => {
    const root = rootWith('cached', { 'scale.hip': KERNEL });
    const [source] = kernelSources(root);
    if (source === undefined) throw new Error('no source');
    const toolchain = findToolchain();
    const job = { source, arch: 'gfx950' } as const;
    const output = await compileCached(toolchain, root, job);
    const first = readFileSync(output);
    writeFileSync(output, 'kept');
    await compileCached(toolchain, root, job);
    expect(readFileSync(output, 'utf8')).toBe('kept');
    writeFileSync(path.join(root, KERNEL_FOLDER, 'lib', 'new.h'), '');
    await compileCached(toolchain, root, job);
    expect(readFileSync(output).equals(first)).toBe(true);
  });
});
