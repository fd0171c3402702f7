import { describe, expect, it } from 'vitest';
import { encode } from '../../src/formats/encode.ts';
import { compareDumps } from '../../src/golden/compare-dumps.ts';
import type { Dump } from '../../src/golden/compare-dumps-tensor.ts';
import { logitsDiff } from '../../src/golden/logits-diff.ts';
import { shuffleScale, shuffleWeight } from '../../src/layout/catalog.ts';
import { permute } from '../../src/layout/permute.ts';
import { rowMajor } from '../../src/layout/plain.ts';
import { asBytes } from '../../src/tensor/make.ts';

const bf16 = (shape: readonly number[], values: readonly number[], name = 'y'): Dump => ({
  name,
  dtype: 'BF16',
  shape,
  bytes: asBytes(Uint16Array.from(values, (value) => encode('bf16', value))),
});
const f32 = (shape: readonly number[], values: readonly number[], name = 'y'): Dump => ({
  name,
  dtype: 'F32',
  shape,
  bytes: asBytes(Float32Array.from(values)),
});
const u8 = (shape: readonly number[], bytes: Uint8Array, name = 'w'): Dump => ({ name, dtype: 'U8', shape, bytes });
/** Values between -4 and 4 without a pattern. */
const values = (count: number, seed = 1): number[] =>
  Array.from({ length: count }, (_, index) => (((index + seed) * 2654435761) % 8191) / 1024 - 4);

describe('compareDumps by tolerance', () => {
  it('holds bf16 against f32 by the tolerance of bf16', () => {
    const want = values(64);
    const result = compareDumps(bf16([8, 8], want), f32([8, 8], want));
    expect(result).toMatchObject({
      name: 'y',
      passed: true,
      a: { type: 'bf16', layout: 'row-major' },
      b: { type: 'f32', layout: 'row-major' },
      shape: [8, 8],
      criterion: {
        kind: 'tolerance',
        rtol: 0.016,
        atol: 0.00001,
        ulp: null,
        text: '|a - b| <= 0.00001 + 0.016 |b|; NaN equals NaN only, an infinity the same infinity, -0 equals +0',
      },
      elements: 64,
      mismatches: 0,
      maxUlp: 0,
      p99Ulp: 0,
      ulpFormat: 'bf16',
      worst: [],
      skew: [],
    });
    expect(result.map).toBeUndefined();
    expect(result.smallest).toBeUndefined();
    expect(result.snrDb).toBeGreaterThan(45);
    const exact = want.map((value) => Math.fround(value));
    const rounded = [...new Uint16Array(bf16([64], want).bytes.buffer)].map((code) => f32Of(code));
    expect(result.logitsDiff).toBeCloseTo(logitsDiff(rounded, exact), 15);
  });

  it('names the least tolerances that pass, and they do', () => {
    const want = values(256);
    const got = want.map((value, index) => (index % 32 === 5 ? value * 1.5 : value));
    const failed = compareDumps(f32([16, 16], got), f32([16, 16], want));
    expect([failed.passed, failed.mismatches, failed.worst.length]).toEqual([false, 8, 5]);
    const { rtol, atol, ulp } = failed.smallest ?? { rtol: null, atol: null, ulp: null };
    expect(rtol).toBeCloseTo(0.5, 2);
    for (const option of [{ rtol: rtol as number }, { atol: atol as number }, { ulp: ulp as number }])
      expect([option, compareDumps(f32([16, 16], got), f32([16, 16], want), option).passed]).toEqual([option, true]);
    const less = { rtol: (rtol as number) * 0.98 };
    expect(compareDumps(f32([16, 16], got), f32([16, 16], want), less).passed).toBe(false);
  });

  it('says where all mismatches lie, and both bytes of the worst', () => {
    const want = values(64 * 64);
    const got = want.map((value, index) => (index % 64 < 16 && index >= 2048 ? value + 1 : value));
    const result = compareDumps(bf16([64, 64], got), f32([64, 64], want), { rtol: 0.02, atol: 0.02 });
    expect(result.skew).toEqual(['all 512 mismatches have column < 16', 'all 512 mismatches have row >= 32']);
    const [worst] = result.worst;
    const [row = 0, column = 0] = worst?.coord ?? [];
    expect([worst?.a.byte, worst?.b.byte]).toEqual([(row * 64 + column) * 2, (row * 64 + column) * 4]);
    expect(worst?.ofTolerance).toBeGreaterThan(1);
    expect(result.used).toBe(worst?.ofTolerance);
  });

  it('counts in units in the last place on request', () => {
    const want = [1, 2, 3, 4];
    const got = [1, 2, 3, 4 + 2 ** -5];
    expect(compareDumps(bf16([4], got), bf16([4], want), { ulp: 0 })).toMatchObject({
      passed: false,
      maxUlp: 1,
      criterion: { text: 'at most 0 ULP of bf16; NaN equals NaN only, an infinity the same infinity, -0 equals +0' },
    });
    expect(compareDumps(bf16([4], got), bf16([4], want), { ulp: 1 }).passed).toBe(true);
  });

  it('accepts NaN for NaN only, and counts what is not finite on either side', () => {
    const all = Array.from({ length: 16 }, () => Number.NaN);
    const same = compareDumps(bf16([16], all), f32([16], all));
    expect(same).toMatchObject({ passed: true, maxUlp: null, p99Ulp: null, ulpFormat: null, logitsDiff: 0, cosine: 1 });
    expect(same.nan).toEqual({ a: 16, b: 16, both: 16 });
    const lost = compareDumps(f32([4], [Number.NaN, 1, -Infinity, Infinity]), f32([4], [1, 1, Infinity, Infinity]));
    expect(lost).toMatchObject({
      passed: false,
      mismatches: 2,
      nan: { a: 1, b: 0, both: 0 },
      infinite: { a: 2, b: 2, both: 2 },
      smallest: { rtol: null, atol: null, ulp: null },
    });
    expect(lost.worst.map(({ coord }) => coord)).toEqual([[0], [2]]);
  });

  it('counts flipped signs, and takes -0 for +0', () => {
    const result = compareDumps(f32([4], [-0, 1, -2, 3]), f32([4], [0, -1, 2, 3]));
    expect(result).toMatchObject({ mismatches: 2, signFlips: 2, zeroSigns: 1 });
    expect(result.nmse).toBeCloseTo(20 / 14, 12);
    expect(result.snrDb).toBeCloseTo(-10 * Math.log10(20 / 14), 12);
  });
});

describe('compareDumps by code', () => {
  it('is exact for fp8, scales and integers', () => {
    const codes = Uint8Array.from([0, 1, 2, 0x80]);
    const result = compareDumps(u8([4], codes), u8([4], Uint8Array.from([0x80, 1, 2, 0x80])), { type: 'e4m3fn' });
    expect(result).toMatchObject({
      passed: false,
      mismatches: 1,
      zeroSigns: 1,
      used: null,
      smallest: { rtol: 0, atol: 0, ulp: 0 },
      criterion: { kind: 'codes', text: 'the same codes; NaN codes by class, -0 differs from +0' },
    });
    expect(compareDumps(u8([4], codes), u8([4], codes)).a.type).toBe('u8');
  });

  it('holds fp8 against wider formats by value', () => {
    const codes = Uint8Array.from([0x38, 0x40, 0xb8, 0]);
    const result = compareDumps(u8([4], codes), f32([4], [1, 2, -1, 0]), { type: 'e4m3fn' });
    expect([result.passed, result.criterion.text]).toEqual([
      true,
      'the same values; NaN equals NaN only, an infinity the same infinity, -0 equals +0',
    ]);
    expect(compareDumps(u8([4], codes), f32([4], [1, 2, -1, 0.01]), { type: 'e4m3fn' }).maxUlp).toBe(5);
  });
});

describe('compareDumps of different layouts', () => {
  const shape = [32, 64];
  const plain = Uint8Array.from({ length: 2048 }, (_, index) => (index * 37 + (index >> 6)) % 251);
  const shuffled = permute(plain, rowMajor(shape), shuffleWeight(shape, { bits: 8 }), 8);

  it('passes row-major against shuffle_weight(16,16), and fails without the layout', () => {
    const layouts = { layoutB: 'shuffle_weight(16,16)', type: 'e4m3fn' } as const;
    const result = compareDumps(u8(shape, plain), u8(shape, shuffled), layouts);
    expect([result.passed, result.b.layout, result.equal]).toEqual([true, 'shuffle_weight(16,16)', 1]);
    expect(compareDumps(u8(shape, plain), u8(shape, shuffled)).passed).toBe(false);
  });

  it('says at which byte an element lies on each side', () => {
    const damaged = plain.slice();
    damaged[17 * 64 + 40] = (damaged[17 * 64 + 40] as number) ^ 1;
    const result = compareDumps(u8(shape, damaged), u8(shape, shuffled), { layoutB: 'shuffle_weight(16,16)' });
    const layout = shuffleWeight(shape, { bits: 8 });
    expect(result.worst).toMatchObject([
      { coord: [17, 40], a: { byte: 17 * 64 + 40 }, b: { byte: layout.offset([17, 40]) } },
    ]);
  });

  it('reads fp4 in bytes, and a layout in notation', () => {
    const pairs = plain.subarray(0, 512);
    const target = shuffleWeight([16, 64], { bits: 4 });
    const moved = permute(pairs, rowMajor([16, 64]), target, 4);
    const notation = String(target);
    const result = compareDumps(u8([16, 32], pairs), u8([512], moved), { type: 'e2m1', layoutB: notation });
    expect([result.passed, result.shape, result.b.layout]).toEqual([true, [16, 64], notation]);
  });

  it('leaves padding out', () => {
    const target = shuffleScale([32, 8]);
    const scales = plain.subarray(0, 256);
    const moved = permute(scales, rowMajor([32, 8]), target, 8, { fill: 7 });
    const result = compareDumps(
      { name: 's', dtype: undefined, shape: undefined, bytes: moved },
      u8([32, 8], scales, 's'),
      { type: 'e8m0', layoutA: 'shuffle_scale' },
    );
    expect([result.passed, result.elements]).toEqual([true, 256]);
  });
});

describe('dumps that cannot be compared', () => {
  const a = f32([2, 3], values(6));
  it.each([
    [
      [a, f32([3, 2], values(6)), {}],
      '"y": A is [2, 3], B is [3, 2]; there is no logical shape in common. If B is A transposed, give --shape 2,3 --layout-b column-major.',
    ],
    [
      [a, f32([6], values(6)), {}],
      '"y": A is [2, 3], B is [6]; there is no logical shape in common. Both hold 6 elements: if they are in the same order, give --shape 6.',
    ],
    [[a, f32([2, 4], values(8)), {}], '"y": A is [2, 3], B is [2, 4]; there is no logical shape in common.'],
    [
      [a, { ...a, name: 'dump.bin', dtype: undefined, shape: undefined }, {}],
      'B "dump.bin" is raw bytes. Say what they hold with --type, such as bf16.',
    ],
    [
      [{ ...a, dtype: undefined, shape: undefined }, { ...a, dtype: undefined, shape: undefined }, { type: 'f32' }],
      'A and B are raw bytes. Give their logical shape with --shape, such as 4096,7168.',
    ],
    [
      [a, a, { shape: [2, 4] }],
      'A "y" holds 24 bytes, but f32 [2, 4] in layout row-major takes 32. Check --shape, --type and the layout.',
    ],
    [
      [a, { ...a, dtype: 'C64', shape: [3] }, {}],
      'B "y" has dtype C64, which has no element type here and cannot be compared.',
    ],
    [
      [u8([2], Uint8Array.of(63, 80)), u8([2], Uint8Array.of(63, 1)), { type: 'e2m3' }],
      'A "w" holds 80 in byte 1, which is no e2m3 code (0 to 63). Check --type.',
    ],
  ] as const)('%#', ([left, right, options], message) => {
    expect(() => compareDumps(left as Dump, right as Dump, options)).toThrow(message);
  });

  it('lists the layouts for a name that is unknown', () => {
    expect(() => compareDumps(a, a, { layoutA: 'shuffle' })).toThrow(
      /^layout "shuffle" is unknown\..*, or one of row-major, /,
    );
  });
});

function f32Of(code: number): number {
  return new Float32Array(Uint32Array.of(code << 16).buffer)[0] as number;
}
