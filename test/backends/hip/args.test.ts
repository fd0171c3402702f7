import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArgumentStruct, argumentStruct } from '../../../backends/hip/args.ts';
import { readCodeObject } from '../../../backends/hip/code-object.ts';
import { permuteArgs, permuteLaunch } from '../../../backends/hip/kernels/permute.ts';
import { rowMajor, shuffleWeight } from '../../../src/layout/catalog.ts';
import { skipWithoutClang, type Workshop, workshop } from './toolchain.ts';

const mixed = argumentStruct('Mixed', [
  { name: 'x', type: 'ptr' },
  { name: 'y', type: 'ptr', count: 2 },
  { name: 'rows', type: 'u32' },
  { name: 'shift', type: 'i32' },
  { name: 'scale', type: 'f32' },
  { name: 'sizes', type: 'u32', count: 2 },
]);

function packed<S extends ArgumentStruct<never>>(struct: S, values: Parameters<S['pack']>[1], room = 0): number[] {
  const bytes = new Uint8Array(struct.byteLength + room).fill(0xee);
  struct.pack(new DataView(bytes.buffer), values);
  return [...bytes];
}

describe('an argument struct', () => {
  it('lies as in C++: no holes, rounded up to the pointers', () => {
    expect(mixed.fields.map(({ name, offset }) => [name, offset])).toEqual([
      ['x', 0],
      ['y', 8],
      ['rows', 24],
      ['shift', 28],
      ['scale', 32],
      ['sizes', 36],
    ]);
    expect(mixed.byteLength).toBe(48);
    expect(argumentStruct('Words', [{ name: 'a', type: 'u32' }]).byteLength).toBe(4);
    expect(argumentStruct('Empty', []).byteLength).toBe(0);
  });

  it('is packed byte for byte, and not beyond its end', () => {
    const values = { x: 0x1122334455667788n, y: [1n], rows: 0xfffffffe, shift: -2, scale: 1.5, sizes: [7] };
    expect(packed(mixed, values, 2)).toEqual([
      ...[0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11],
      ...[1, 0, 0, 0, 0, 0, 0, 0],
      ...[0, 0, 0, 0, 0, 0, 0, 0],
      ...[0xfe, 0xff, 0xff, 0xff],
      ...[0xfe, 0xff, 0xff, 0xff],
      ...[0, 0, 0xc0, 0x3f],
      ...[7, 0, 0, 0, 0, 0, 0, 0],
      // Padding at the end is zeroed; what follows is not touched.
      ...[0, 0, 0, 0],
      ...[0xee, 0xee],
    ]);
  });

  it('refuses values that the kernel would see as others', () => {
    const good = { x: 1n, y: [], rows: 1, shift: 1, scale: 1, sizes: [] };
    const bad: readonly [object, string][] = [
      [{ rows: -1 }, 'struct Mixed: "rows" is -1, expected an integer from 0 to 2^32 - 1.'],
      [{ rows: 2 ** 32 }, 'struct Mixed: "rows" is 4294967296, expected an integer from 0 to 2^32 - 1.'],
      [{ rows: 0.5 }, 'struct Mixed: "rows" is 0.5, expected an integer from 0 to 2^32 - 1.'],
      [{ rows: undefined }, 'struct Mixed: "rows" is undefined, expected an integer from 0 to 2^32 - 1.'],
      [{ shift: 2 ** 31 }, 'struct Mixed: "shift" is 2147483648, expected an integer from -2^31 to 2^31 - 1.'],
      [{ scale: 1n }, 'struct Mixed: "scale" is 1, expected a number.'],
      [{ x: 5 }, 'struct Mixed: "x" is 5, expected an address.'],
      [{ sizes: [1, 2, 3] }, 'struct Mixed: "sizes" holds 2 values, 3 were given.'],
    ];
    for (const [wrong, message] of bad) {
      expect(() => packed(mixed, { ...good, ...wrong } as never)).toThrow(message);
    }
  });

  it('refuses layouts that C++ would pad', () => {
    expect(() =>
      argumentStruct('Late', [
        { name: 'n', type: 'u32' },
        { name: 'x', type: 'ptr' },
      ]),
    ).toThrow('struct Late: pointer "x" follows a 32-bit field; put it before.');
    expect(() =>
      argumentStruct('Twice', [
        { name: 'n', type: 'u32' },
        { name: 'n', type: 'f32' },
      ]),
    ).toThrow('struct Twice: field "n" is listed twice.');
  });
});

describe.skipIf(skipWithoutClang)('against the compiler', () => {
  let shop: Workshop;
  beforeAll(() => {
    shop = workshop();
  });
  afterAll(() => shop.clean());

  it('has the size that a kernel of it takes', () => {
    const code = shop.codeObject(
      'struct Mixed { void *x; void *y[2]; unsigned rows; int shift; float scale; unsigned sizes[2]; };\n' +
        'extern "C" __attribute__((global)) void take(Mixed a) { *(float *)a.x = a.scale; }\n',
    );
    const notes = readCodeObject('take', code).kernels.get('take');
    expect(notes?.arguments).toEqual([{ name: '', kind: 'by_value', offset: 0, size: mixed.byteLength }]);
  });

  it('packs a permutation into the fields of permute.hip', () => {
    // The struct of the kernel's own source, read back field by field by a C++ program.
    const source = readFileSync('backends/hip/kernels/permute.hip', 'utf8');
    const structs = source.slice(source.indexOf('constexpr int MOST_AXES'), source.indexOf('constexpr u32 PADDING'));
    const program = `#include <cstdio>
typedef unsigned u32;
${structs}
int main() {
  PermuteArgs a;
  if (sizeof a != ${permuteArgs.byteLength} || fread(&a, sizeof a, 1, stdin) != 1) return 1;
  printf("%p %p %u %x %u;", (const void *)a.x, (void *)a.y, a.units, a.fill, a.axes);
  for (auto &d : a.axis) printf(" %u/%u/%u", d.size, d.target_end, d.source_end);
  printf(";");
  for (auto &d : a.target) if (d.size) printf(" %u*%u", d.size, d.place);
  printf(";");
  for (auto &d : a.source) if (d.size) printf(" %u*%u", d.size, d.stride);
}`;
    const toLayout = shuffleWeight([64, 128], { bits: 8 });
    const launch = permuteLaunch({
      from: 0x1000n,
      to: 0x2000n,
      fromLayout: rowMajor([64, 128]),
      toLayout,
      bits: 8,
      fill: 0xa5,
    });
    const bytes = new Uint8Array(permuteArgs.byteLength);
    permuteArgs.pack(new DataView(bytes.buffer), launch.values);
    const run = shop.program('fields', program);
    // 512 units of 16 bytes; n = 4 blocks of 16 rows, k = 8 units.
    expect(execFileSync(run, { input: bytes, encoding: 'utf8' })).toBe(
      `0x1000 0x2000 512 0 2; 64/2/1 8/3/2${' 0/0/0'.repeat(6)}; 4*16 16*1 8*1; 64*8 8*1`,
    );
    expect([launch.kernel, launch.grid]).toEqual(['permute_128', [2, 1, 1]]);
  });
});
