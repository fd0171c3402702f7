import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCodeObject } from '../../../backends/hip/code-object.ts';
import { decodeMessagePack } from '../../../backends/hip/msgpack.ts';
import { skipWithoutClang, type Workshop, workshop } from './toolchain.ts';

const SOURCE = `
struct Args { float *x; float *y; unsigned n; float scale; };
extern "C" __attribute__((global, amdgpu_flat_work_group_size(128, 128))) void scale(Args a) {
  unsigned i = __builtin_amdgcn_workgroup_id_x() * 128 + __builtin_amdgcn_workitem_id_x();
  if (i < a.n) a.y[i] = a.x[i] * a.scale;
}
extern "C" __attribute__((global, amdgpu_flat_work_group_size(64, 64))) void reverse(float *x, float *y, int n) {
  __attribute__((shared)) static float tile[64];
  unsigned i = __builtin_amdgcn_workitem_id_x();
  tile[i] = x[i];
  __builtin_amdgcn_s_barrier();
  y[i] = tile[63 - i] + n;
}
extern "C" __attribute__((global)) void scratch(float *x, int i) {
  volatile float own[100];
  for (int at = 0; at < 100; at++) own[at] = x[at];
  x[0] = own[i];
}
`;

let shop: Workshop;
beforeAll(() => {
  shop = workshop();
});
afterAll(() => shop.clean());

describe.skipIf(skipWithoutClang)('a code object', () => {
  it('says what its kernels need', () => {
    const object = readCodeObject('test', shop.codeObject(SOURCE));
    if (object.machine !== 'amdgpu') throw new Error('unreachable');
    expect(object.arch).toBe('gfx950');
    expect([...object.kernels.keys()]).toEqual(['scale', 'reverse', 'scratch']);
    expect(object.kernels.get('scale')).toMatchObject({
      arguments: [{ name: '', kind: 'by_value', offset: 0, size: 24 }],
      kernargBytes: 24,
      maxThreads: 128,
      waveSize: 64,
      ldsBytes: 0,
      scratchBytes: 0,
      vgprSpills: 0,
      sgprSpills: 0,
      agprs: 0,
    });
    expect(object.kernels.get('scale')?.vgprs).toBeGreaterThan(0);
    expect(object.kernels.get('scale')?.sgprs).toBeGreaterThan(0);
    expect(object.kernels.get('reverse')).toMatchObject({ ldsBytes: 256, kernargBytes: 20, maxThreads: 64 });
    expect(object.kernels.get('reverse')?.arguments.map(({ kind, offset, size }) => [kind, offset, size])).toEqual([
      ['global_buffer', 0, 8],
      ['global_buffer', 8, 8],
      ['by_value', 16, 4],
    ]);
    expect(object.kernels.get('scratch')?.scratchBytes).toBeGreaterThanOrEqual(400);
  });

  it('of other architectures and versions is read as well', () => {
    for (const [arch, version] of [
      ['gfx942', '5'],
      ['gfx950', '6'],
      ['gfx90a', '5'],
    ] as const) {
      const object = readCodeObject('test', shop.codeObject(SOURCE, arch, [`-mcode-object-version=${version}`]));
      expect(object).toMatchObject({ machine: 'amdgpu', arch });
      expect(object.kernels.size).toBe(3);
    }
  });

  it('that is damaged gives an error wherever it is cut', () => {
    const code = shop.codeObject(SOURCE);
    for (const length of [0, 3, 4, 20, 63, 64, 100, 300, 500, 700, 1000]) {
      expect(() => readCodeObject('cut', code.subarray(0, length))).toThrow(/^code object "cut": /);
    }
    expect(() => readCodeObject('cut', code.subarray(0, 300))).toThrow(
      /^code object "cut": is damaged \(.+\)\. Build it again with "npm run build:hip"\.$/,
    );
    // Any byte of the header or the notes may be wrong: an error or other values, but never an endless loop.
    for (let at = 0; at < 2000; at += 7) {
      const wrong = Uint8Array.from(code);
      wrong[at] = 0xff - (wrong[at] as number);
      try {
        readCodeObject('wrong', wrong);
      } catch (error) {
        expect(String(error)).toContain('code object "wrong": ');
      }
    }
  });

  it('must be one file for an AMD GPU', () => {
    const bundle = shop.codeObject(SOURCE, 'gfx950', ['--gpu-bundle-output']);
    expect(() => readCodeObject('bundle', bundle)).toThrow(
      'code object "bundle": is a bundle for several targets, expected one ELF file. Compile with --no-gpu-bundle-output.',
    );
    expect(() => readCodeObject('text', new TextEncoder().encode('text'))).toThrow(
      'code object "text": its 4 bytes are no ELF file. Build it again with "npm run build:hip".',
    );
    const arm = shop.codeObject(SOURCE);
    new DataView(arm.buffer, arm.byteOffset).setUint16(18, 183, true);
    expect(() => readCodeObject('arm', arm)).toThrow(
      'code object "arm": is an ELF file for machine 183, expected 224 (AMD GPU).',
    );
  });

  it('for the CPU runtime names its kernels by their descriptors', async () => {
    const { readFileSync } = await import('node:fs');
    const library = shop.library(
      'kernels.so',
      'const unsigned first__preshuffle[3] = {24, 64, 0}, second__preshuffle[3]; void first(void) {} int other;' +
        'extern int elsewhere__preshuffle; int *use(void) { return &elsewhere__preshuffle; }',
    );
    const object = readCodeObject('kernels', readFileSync(library));
    expect(object.machine).toBe('x86-64');
    expect([...object.kernels.keys()].sort()).toEqual(['first', 'second']);
  });
});

describe('MessagePack', () => {
  it.each<readonly [string, unknown]>([
    ['00', 0],
    ['7f', 127],
    ['ff', -1],
    ['e0', -32],
    ['c0', null],
    ['c2', false],
    ['c3', true],
    ['ccff', 255],
    ['cd0102', 258],
    ['ce01020304', 16909060],
    ['cf0000000100000000', 2 ** 32],
    ['d080', -128],
    ['d18000', -32768],
    ['d280000000', -(2 ** 31)],
    ['d3ffffffffffffffff', -1],
    ['ca3fc00000', 1.5],
    ['cb3ff8000000000000', 1.5],
    ['a3616263', 'abc'],
    ['d903616263', 'abc'],
    ['da0003616263', 'abc'],
    ['db00000003616263', 'abc'],
    ['c4020102', Uint8Array.of(1, 2)],
    ['c500020102', Uint8Array.of(1, 2)],
    ['93010203', [1, 2, 3]],
    ['dc0002c301', [true, 1]],
    ['dd00000001a0', ['']],
    ['82a16101a162c0', { a: 1, b: null }],
    ['de0001a16190', { a: [] }],
    ['df00000001a16180', { a: {} }],
  ])('reads %s', (hex, value) => {
    expect(decodeMessagePack(Uint8Array.from(Buffer.from(hex, 'hex')))).toEqual(value);
  });

  it.each(['', 'a261', '92', 'c1', 'd40100', 'cd01', '81a161'])('refuses %s', (hex) => {
    expect(() => decodeMessagePack(Uint8Array.from(Buffer.from(hex, 'hex')))).toThrow(RangeError);
  });
});
