import { describe, expect, it } from 'vitest';
import { decodeTable } from '../../src/formats/decode.ts';
import { encode, encodeArray } from '../../src/formats/encode.ts';
import { scaleColumnMajor, scaleTransposedView } from '../../src/layout/activation-scale.ts';
import { fusedFlattenFp8GroupQuant } from '../../src/ops/fused-flatten-fp8-group-quant.ts';
import { fusedRmsFp8GroupQuant } from '../../src/ops/fused-rms-fp8-group-quant.ts';
import { floatValues } from '../../src/ops/shared/rows.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asF32 } from '../../src/tensor/views.ts';
import { goldenCases, outside, stored, valuesOf } from './gemm-moe-support.ts';
import { random, serialGroupQuant } from './norm-support.ts';
import { differing, errorOf, floats } from './quant-support.ts';

const f = Math.fround;
const FP8 = decodeTable('e4m3fn');

function fp8Values(bytes: Uint8Array): Float32Array {
  return Float32Array.from(bytes, (code) => FP8[code] as number);
}

describe('fused_rms_fp8_group_quant: golden cases of the Triton kernel on a GPU', () => {
  it.each(goldenCases('fused.safetensors', 'fused_rms_fp8_group_quant').map((one) => [one.name, one] as const))(
    '%s',
    (_, golden) => {
      const operands = {
        x: golden.read('x', 'bf16'),
        w: golden.read('w', 'bf16'),
        ...(golden.meta.residual === true ? { r: golden.read('r', 'bf16') } : {}),
      };
      for (const [index, scaleStore] of (['row-major', 'transposed-view'] as const).entries()) {
        const params = { eps: golden.meta.eps as number, group: golden.meta.group as number, scaleStore };
        const bound = fusedRmsFp8GroupQuant.bound?.(params, operands);
        const ours = fusedRmsFp8GroupQuant.reference(params, operands);
        const layout = ours.scale.layout;
        const theirs = {
          y: golden.read(`y${index}`, 'e4m3fn'),
          scale: golden.read(`scale${index}`, 'f32', layout),
          norm: golden.read('norm', 'bf16'),
        };
        for (const { y, scale, norm } of [theirs, ours]) {
          expect(outside(fp8Values(y.bytes), 'e4m3fn', bound?.y)).toBe(0);
          expect(outside(logicalScales(scale), 'f32', bound?.scale)).toBe(0);
          expect(outside(valuesOf(norm), 'bf16', bound?.norm)).toBe(0);
        }
        // The bound is tight enough to see a scale matrix read in the wrong order.
        const misread = { ...theirs.scale, layout: golden.read(`scale${index}`, 'f32').layout };
        if (index === 1) expect(outside(logicalScales(misread), 'f32', bound?.scale)).toBeGreaterThan(layout.size / 2);
        if (golden.meta.residual === true) expect(differing(ours.res_out.bytes, golden.bytes('res_out'))).toBe(0);
        expect(differing(ours.y.bytes, golden.bytes(`y${index}`))).toBeLessThan(4);
      }
    },
  );
});

/** Scales in logical order. */
function logicalScales(scale: Tensor): Float32Array {
  const [rows = 0, groups = 0] = scale.layout.shape;
  const values = asF32(scale);
  return Float32Array.from(
    { length: rows * groups },
    (_, i) => values[scale.layout.offset([Math.floor(i / groups), i % groups])] as number,
  );
}

describe('fused_rms_fp8_group_quant: bound', () => {
  it.each([
    [4, 256, 128, 0, 1],
    [3, 1000, 128, 1.9, 2],
    [2, 4096, 64, -1.9, 3],
    [1, 8192, 128, 1.9, 4],
  ])(
    '%i x %i in groups of %i: float32 in the worst order, %d ulp off in divisions',
    (rows, columns, group, slack, seed) => {
      const x = floats('x', 'bf16', [rows, columns], random(rows * columns, seed, 12));
      const w = floats('w', 'bf16', [columns], random(columns, seed + 10));
      const params = { eps: 1e-5, group };
      const bound = fusedRmsFp8GroupQuant.bound?.(params, { x, w });
      const { norm, scales, codes } = serialGroupQuant(floatValues(x), floatValues(w), 1e-5, group, slack);
      expect(outside(fp8Values(codes), 'e4m3fn', bound?.y)).toBe(0);
      expect(outside(scales, 'f32', bound?.scale)).toBe(0);
      const bf16 = decodeTable('bf16');
      expect(
        outside(
          Float32Array.from(encodeArray('bf16', norm), (code) => bf16[code] as number),
          'bf16',
          bound?.norm,
        ),
      ).toBe(0);
    },
  );

  it('rejects neighbours: a code off by one passes only next to a tie', () => {
    const x = floats('x', 'bf16', [4, 512], random(2048, 5));
    const w = floats('w', 'bf16', [512], random(512, 6));
    const bound = fusedRmsFp8GroupQuant.bound?.({}, { x, w });
    const { y } = fusedRmsFp8GroupQuant.reference({}, { x, w });
    const moved = y.bytes.map((code) => ((code & 0x7f) < 0x7e ? code + 1 : code - 1));
    expect(outside(fp8Values(moved), 'e4m3fn', bound?.y)).toBeGreaterThan(2040);
  });

  it('a row that overflows when squared in float32 may come out as zeros', () => {
    const x = floats('x', 'bf16', [1, 128], new Array<number>(128).fill(2 ** 100));
    const w = floats('w', 'bf16', [128], new Array<number>(128).fill(1));
    const bound = fusedRmsFp8GroupQuant.bound?.({}, { x, w });
    expect(outside(new Float32Array(128), 'bf16', bound?.norm)).toBe(0);
    expect(outside(new Float32Array(128), 'e4m3fn', bound?.y)).toBe(0);
  });
});

describe('fused_rms_fp8_group_quant', () => {
  const w = floats('w', 'f32', [4], [1, 2, -1, 0.5]);

  it('without a residual res_out is x; with one it is the rounded sum, and the norm uses the unrounded', () => {
    const x = floats('x', 'bf16', [1, 4], [1, 256, 1, 1]);
    expect(fusedRmsFp8GroupQuant.reference({ group: 4 }, { x, w }).res_out.bytes).toEqual(x.bytes);
    const r = floats('r', 'bf16', [1, 4], [0, 0.75, 0, 0]);
    const { res_out, norm } = fusedRmsFp8GroupQuant.reference({ group: 4, eps: 0 }, { x, w, r });
    expect(Array.from(valuesOf(res_out))).toEqual([1, 256, 1, 1]);
    const inverse = 1 / Math.sqrt((3 + 256.75 ** 2) / 4);
    const bf16 = (value: number): number => decodeTable('bf16')[encode('bf16', value)] as number;
    expect(Array.from(valuesOf(norm))).toEqual([inverse, 256.75 * inverse * 2, -inverse, inverse / 2].map(bf16));
  });

  it('a zero row is zero, with the floor as scale', () => {
    const x = floats('x', 'f16', [1, 4], [0, -0, 0, 0]);
    const { y, scale, norm } = fusedRmsFp8GroupQuant.reference({ group: 4 }, { x, w });
    expect(Array.from(valuesOf(norm))).toEqual([0, -0, -0, 0]);
    expect(Array.from(y.bytes)).toEqual([0, 0x80, 0x80, 0]);
    expect(asF32(scale)[0]).toBe(f(f(1e-10) * f(1 / 448)));
  });

  it('a NaN fills its row and no other, in bound and reference', () => {
    const x = floats('x', 'bf16', [2, 4], [1, Number.NaN, 1, 1, 1, 2, 3, 4]);
    const { y, scale } = fusedRmsFp8GroupQuant.reference({ group: 2 }, { x, w });
    expect(Array.from(y.bytes.subarray(0, 4))).toEqual([0x7f, 0x7f, 0x7f, 0x7f]);
    expect(Array.from(asF32(scale), Number.isNaN)).toEqual([true, true, false, false]);
    const bound = fusedRmsFp8GroupQuant.bound?.({ group: 2 }, { x, w });
    expect(outside(fp8Values(y.bytes), 'e4m3fn', bound?.y)).toBe(0);
    expect(outside(asF32(scale), 'f32', bound?.scale)).toBe(0);
  });

  it('takes a shorter last group, any rank, and stores scales as asked', () => {
    const x = floats('x', 'bf16', [2, 3, 4], random(24, 8));
    const plan = fusedRmsFp8GroupQuant.plan({ group: 3 }, { x, w });
    expect([plan.scale.layout.shape, plan.y.layout.shape, plan.norm.type]).toEqual([[2, 3, 2], [2, 3, 4], 'bf16']);
    expect(fusedRmsFp8GroupQuant.plan({ group: 3, scaleStore: 'transposed-view' }, { x, w }).scale.layout).toEqual(
      scaleTransposedView([6, 2]),
    );
    const plain = fusedRmsFp8GroupQuant.reference({ group: 3 }, { x, w });
    const transposed = fusedRmsFp8GroupQuant.reference({ group: 3, scaleStore: 'column-major' }, { x, w });
    expect(logicalScales(transposed.scale)).toEqual(asF32(plain.scale));
    expect(asF32(transposed.scale)).not.toEqual(asF32(plain.scale));
  });

  it('says what is wrong', () => {
    const x = floats('x', 'bf16', [2, 4], random(8, 8));
    const plan = (params: object, operands: object): string =>
      errorOf(() => fusedRmsFp8GroupQuant.plan(params, operands as never));
    expect(plan({}, { x, w: floats('w', 'bf16', [3], [1, 1, 1]) })).toBe(
      'fused_rms_fp8_group_quant: operand "w": has shape [3], expected [4] (one weight for each column of x).',
    );
    expect(plan({}, { x, w, r: floats('r', 'f32', [2, 4], random(8, 8)) })).toMatch(
      /^fused_rms_fp8_group_quant: operand "r": is f32, expected bf16\./,
    );
    expect(plan({ eps: -1 }, { x, w })).toBe(
      'fused_rms_fp8_group_quant: parameter "eps": is -1, expected a finite number that is not negative.',
    );
    expect(plan({}, { x })).toBe(
      'fused_rms_fp8_group_quant: operand "w": missing. Given: x. Pass a tensor under this name.',
    );
    const shuffled = stored(floats('r', 'bf16', [2, 4], random(8, 8)), scaleColumnMajor([2, 4]));
    expect(plan({}, { x, w, r: shuffled })).toMatch(
      /^fused_rms_fp8_group_quant: tensor "r" is stored as scale-cm \[2, 4\], but this op reads row-major\./,
    );
  });
});

describe('fused_flatten_fp8_group_quant', () => {
  it('golden values and ours lie within the bound, for either way to divide', () => {
    for (const golden of goldenCases('fused.safetensors', 'fused_flatten_fp8_group_quant')) {
      const x = golden.read('x', 'bf16');
      const bound = fusedFlattenFp8GroupQuant.bound?.({}, { x });
      expect(outside(fp8Values(golden.bytes('y0')), 'e4m3fn', bound?.y)).toBe(0);
      expect(outside(asF32(golden.read('scale0', 'f32')), 'f32', bound?.scale)).toBe(0);
      const divided = Float32Array.from(bound?.scale?.exact ?? [], f);
      expect(outside(divided, 'f32', bound?.scale)).toBe(0);
      expect(
        outside(
          divided.map((scale) => scale * (1 + 2 ** -20)),
          'f32',
          bound?.scale,
        ),
      ).toBe(divided.length);
    }
  });

  it('takes the floor in the type of x', () => {
    const zeros = new Array<number>(128).fill(0);
    const scaleOf = (type: 'bf16' | 'f16' | 'f32'): number =>
      asF32(fusedFlattenFp8GroupQuant.reference({}, { x: floats('x', type, [1, 1, 128], zeros) }).scale)[0] as number;
    const bf16 = decodeTable('bf16')[encode('bf16', 1e-10)] as number;
    expect([scaleOf('bf16'), scaleOf('f32'), scaleOf('f16')]).toEqual(
      [bf16, f(1e-10), f(1e-10)].map((floor) => f(floor * f(1 / 448))),
    );
    expect(bf16).not.toBe(f(1e-10));
  });

  it('flattens heads and stores scales as asked', () => {
    const x = floats('x', 'bf16', [3, 2, 256], random(1536, 21));
    const { y, scale } = fusedFlattenFp8GroupQuant.reference({ scaleStore: 'column-major' }, { x });
    expect([y.layout.shape, scale.layout.shape]).toEqual([
      [3, 512],
      [3, 4],
    ]);
    expect(scale.layout.equals(scaleColumnMajor([3, 4]))).toBe(true);
    expect(logicalScales(scale)).toEqual(asF32(fusedFlattenFp8GroupQuant.reference({}, { x }).scale));
  });

  it('says what is wrong', () => {
    expect(
      errorOf(() => fusedFlattenFp8GroupQuant.plan({}, { x: floats('o', 'bf16', [1, 2, 192], random(384, 1)) })),
    ).toBe(
      'fused_flatten_fp8_group_quant: operand "o": has segments of 192 elements [1, 2, 192], expected a multiple of the group of 128: ' +
        'groups begin anew at every segment, and the scales of a cut-off one would overlap the next.',
    );
    expect(
      errorOf(() => fusedFlattenFp8GroupQuant.plan({}, { x: floats('o', 'bf16', [2, 128], random(256, 1)) })),
    ).toBe(
      'fused_flatten_fp8_group_quant: operand "o": has 2 dimensions [2, 128], expected 3 ([tokens, heads, head size]).',
    );
  });
});
