import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hiprtcCandidates, libraryCandidates } from '../../../backends/hip/candidates.ts';
import { openRuntime, versionOf } from '../../../backends/hip/library.ts';
import { loadKoffi, nodeModules } from '../../../backends/hip/node.ts';
import { BackendUnavailableError } from '../../../src/errors.ts';
import { DEBIAN_LIBRARY, skipWithoutClang, skipWithoutDebian, type Workshop, workshop } from './toolchain.ts';

let shop: Workshop;
beforeAll(() => {
  shop = workshop();
});
afterAll(() => shop.clean());

/** Makes empty files under a root of its own. */
function machine(name: string, files: readonly string[]): string {
  const root = path.join(shop.folder, name);
  for (const file of files) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), '');
  }
  return root;
}

const OLD = (version: string): string => `found, but it is HIP ${version}; this backend needs ROCm 7.0 or newer`;

describe('the places for a runtime', () => {
  it('are ordered: variables, the loader, /opt/rocm, wheels, and too old sonames last', async () => {
    const root = machine('order', [
      'rocm/lib/libamdhip64.so.9',
      'rocm/lib/libamdhip64.so.10.0.26306',
      'rocm/lib/libamdhip64_not.so.11',
      'opt/rocm/lib/libamdhip64.so',
      'opt/rocm/core-9.1/lib/libamdhip64.so.9',
      'opt/rocm/core-10.0/lib/libamdhip64.so.10',
      'opt/rocm-7.0.2/lib/libamdhip64.so.7',
      'opt/rocm-7.0.10/lib/libamdhip64.so.7',
      'venv/lib/python3.12/site-packages/_rocm_sdk_core/lib/libamdhip64.so.7',
      'venv/lib/python3.9/site-packages/other',
    ]);
    const at = (name: string): string => path.join(root, name);
    const environment = { ROCM_PATH: at('rocm'), HIP_PATH: at('rocm'), ROCM_HOME: '', VIRTUAL_ENV: at('venv') };
    expect(libraryCandidates(await nodeModules(), environment, root)).toEqual([
      { path: at('rocm/lib/libamdhip64.so.10.0.26306') },
      { path: at('rocm/lib64/libamdhip64.so'), problem: 'not found' },
      { path: 'libamdhip64.so.10' },
      { path: 'libamdhip64.so.9' },
      { path: 'libamdhip64.so.8' },
      { path: 'libamdhip64.so.7' },
      { path: at('opt/rocm/lib/libamdhip64.so') },
      { path: at('opt/rocm/core-10.0/lib/libamdhip64.so.10') },
      { path: at('opt/rocm/core-9.1/lib/libamdhip64.so.9') },
      { path: at('opt/rocm-7.0.10/lib/libamdhip64.so.7') },
      { path: at('opt/rocm-7.0.2/lib/libamdhip64.so.7') },
      { path: at('venv/lib/python3.12/site-packages/_rocm_sdk_core/lib/libamdhip64.so.7') },
      { path: 'libamdhip64.so' },
      { path: 'libamdhip64.so.6' },
      { path: 'libamdhip64.so.5' },
    ]);
  });

  it('tell an old library by the file behind its name, without loading it', async () => {
    const root = machine('old', ['opt/rocm/lib/libamdhip64.so.6.4.60402']);
    symlinkSync('libamdhip64.so.6.4.60402', path.join(root, 'opt/rocm/lib/libamdhip64.so'));
    const found = libraryCandidates(await nodeModules(), {}, root);
    expect(found).toContainEqual({
      path: path.join(root, 'opt/rocm/lib/libamdhip64.so'),
      problem: OLD('6.4.60402'),
      old: true,
    });
  });

  it('give the compiler library that lies beside the runtime, of its major', async () => {
    const node = await nodeModules();
    expect(hiprtcCandidates(node, '/opt/rocm/lib/libamdhip64.so', 7)).toEqual([
      '/opt/rocm/lib/libhiprtc.so.7',
      'libhiprtc.so.7',
    ]);
    expect(hiprtcCandidates(node, 'libamdhip64.so.10', 10)).toEqual(['libhiprtc.so.10']);
    expect(hiprtcCandidates(node, 'libamdhip64.so.6', 6)).toEqual(['libhiprtc.so.6', 'libamdhip64.so.6']);
  });
});

it('reads versions as the runtime counts them', () => {
  expect(versionOf(50221153)).toEqual({ major: 5, version: '5.2.21153' });
  expect(versionOf(100026306)).toEqual({ major: 10, version: '10.0.26306' });
});

/** What opening says. */
async function failure(options: Parameters<typeof openRuntime>[0]): Promise<BackendUnavailableError> {
  const error = await openRuntime(options).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(BackendUnavailableError);
  return error as BackendUnavailableError;
}

describe('opening a runtime', () => {
  it('lists every place with its reason when there is none', async () => {
    const { message, tried } = await failure({ environment: {}, root: machine('none', []) });
    expect(message).toMatch(
      /^backend "hip" is not available: (no HIP runtime library was found|the HIP runtime library here is too old)\. Install ROCm 7\.0 or newer, or name (the|a) library in PRESHUFFLE_HIP_LIBRARY\.\nTried:\n {2}- libamdhip64\.so\.10: not found\n/,
    );
    expect(tried.filter((line) => line.endsWith(': not found')).length).toBeGreaterThanOrEqual(6);
  });

  it('takes only the library that PRESHUFFLE_HIP_LIBRARY names', async () => {
    const environment = { PRESHUFFLE_HIP_LIBRARY: '/nowhere/libamdhip64.so' };
    expect((await failure({ environment })).message).toBe(
      'backend "hip" is not available: the HIP runtime library that PRESHUFFLE_HIP_LIBRARY names cannot be used.\n' +
        'Tried:\n  - /nowhere/libamdhip64.so: not found',
    );
    expect((await failure({ environment, library: 'libamdhip64.so.77' })).message).toBe(
      'backend "hip" is not available: the HIP runtime library that option "library" names cannot be used.\n' +
        'Tried:\n  - libamdhip64.so.77: not found',
    );
  });

  it('tells a file that is no library, and a library that is no HIP runtime', async () => {
    const text = path.join(machine('text', ['libamdhip64.so.7']), 'libamdhip64.so.7');
    writeFileSync(
      text,
      'This is text, and longer than the header of an ELF file, so that the loader looks at it at all.',
    );
    expect((await failure({ library: text })).tried).toEqual([
      `${text}: found, but it could not be loaded (invalid ELF header)`,
    ]);
    const [line] = (await failure({ library: 'libc.so.6' })).tried;
    expect(line).toMatch(
      /^libc\.so\.6: loaded, but it is no HIP runtime \(libc\.so\.6 does not export hipRuntimeGetVersion /,
    );
  });

  it('says how to get koffi when it is not installed', async () => {
    const importKoffi = (): Promise<unknown> => import(/* @vite-ignore */ `${'koffi'}-that-is-not-there`);
    expect((await failure({ library: 'x', importKoffi })).message).toMatch(
      /^backend "hip" is not available: the npm package koffi, which calls native libraries, could not be loaded \(.+\)\. It is an optional dependency: install it with "npm install koffi"\.$/,
    );
    await expect(loadKoffi(() => Promise.resolve({ default: 1 }))).resolves.toBe(1);
  });
});

describe.skipIf(skipWithoutClang)('opening a compiled library', () => {
  it('names the dependency that is missing', async () => {
    const dependency = shop.library('libdependency.so', 'int dependency(void) { return 1; }');
    const library = shop.library(
      'libdependent.so',
      'int dependency(void); int hipRuntimeGetVersion(int *v) { return *v = dependency(), 0; }',
      [dependency],
    );
    const { rmSync } = await import('node:fs');
    rmSync(dependency);
    expect((await failure({ library })).tried[0]).toMatch(
      /libdependent\.so: found, but it could not be loaded \(.*libdependency\.so: cannot open shared object file/,
    );
  });

  it('takes the first that fits', async () => {
    const library = shop.fakeRuntime();
    const runtime = await openRuntime({ environment: { PRESHUFFLE_HIP_LIBRARY: library } });
    expect(runtime).toMatchObject({
      path: library,
      major: 7,
      version: '7.0.51831',
      tried: [`${library}: HIP 7.0.51831`],
    });
    const named = machine('named', []);
    mkdirSync(path.join(named, 'lib'), { recursive: true });
    symlinkSync(library, path.join(named, 'lib', 'libamdhip64.so.7'));
    const found = await openRuntime({ environment: { ROCM_PATH: named }, root: named });
    expect(found.path).toBe(path.join(named, 'lib', 'libamdhip64.so.7'));
  });

  it('refuses one that is too old', async () => {
    const library = shop.fakeRuntime({ VERSION: 60443484 });
    expect((await failure({ library })).tried).toEqual([`${library}: ${OLD('6.4.43484')}`]);
  });
});

it.skipIf(skipWithoutDebian)('finds the old library of Debian, and says that it is too old', async () => {
  const error = await failure({ environment: {}, root: machine('debian', []) });
  expect(error.reason).toBe(
    'the HIP runtime library here is too old. Install ROCm 7.0 or newer, or name a library in PRESHUFFLE_HIP_LIBRARY.',
  );
  expect(error.tried.at(-1)).toBe(`libamdhip64.so.5: ${OLD('5.2.21153')}`);
  expect((await failure({ library: DEBIAN_LIBRARY })).tried).toEqual([`${DEBIAN_LIBRARY}: ${OLD('5.2.21153')}`]);
});
