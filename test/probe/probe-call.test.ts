import { describe, expect, it } from 'vitest';
import { decode, decodeArray } from '../../src/formats/decode.ts';
import { isFloatFormat } from '../../src/formats/facts.ts';
import { unpackNibbles } from '../../src/formats/pack.ts';
import { definitionOf, OP_NAMES, type OpName } from '../../src/ops/registry.ts';
import { type ProbeOptions, probeCall, probeSizes, sizesOf } from '../../src/probe/probe-call.ts';
import { toRowMajor } from '../../src/tensor/relayout.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { asF32, asI32, asU16 } from '../../src/tensor/views.ts';

function valuesOf(source: Tensor): ArrayLike<number> {
  const plain = toRowMajor(source);
  if (plain.type === 'i32') return asI32(plain);
  if (plain.type === 'f32') return asF32(plain);
  if (plain.type === 'e2m1') return decodeArray('e2m1', unpackNibbles(plain.bytes, plain.layout.size));
  if (!isFloatFormat(plain.type) || plain.type === 'f64') throw new Error(plain.type);
  return decodeArray(plain.type, plain.type === 'bf16' || plain.type === 'f16' ? asU16(plain) : plain.bytes);
}

const outputsOf = (options: ProbeOptions): Readonly<Record<string, Tensor>> => {
  const { op, params, operands } = probeCall(options);
  return definitionOf(op).reference(params, operands) as Readonly<Record<string, Tensor>>;
};

/** All bytes as text: far faster to compare than arrays. */
const bytesOf = (tensors: Readonly<Record<string, Tensor>>): string =>
  Object.entries(tensors)
    .map(([name, { bytes }]) => `${name} ${Buffer.from(bytes).toString('base64')}`)
    .join('\n');

/** Other sizes than the defaults, ragged where the op takes that. */
const OTHER: Readonly<Record<string, readonly Readonly<Record<string, number>>[]>> = {
  gemm_a8w8_blockscale: [
    { m: 1, n: 100, k: 200 },
    { m: 130, n: 16, k: 128 },
  ],
  gemm_a8w8_blockscale_bpreshuffle: [
    { m: 1, n: 48, k: 160 },
    { m: 5, n: 144, k: 352 },
  ],
  gemm_a8w8_bpreshuffle: [
    { m: 3, n: 16, k: 100 },
    { m: 1, n: 144, k: 64 },
  ],
  gemm_a4w4_bpreshuffle: [
    { m: 1, n: 16, k: 64 },
    { m: 33, n: 272, k: 320 },
  ],
  fp8_gemm_nt: [
    { m: 1, n: 64, k: 128 },
    { m: 6, n: 192, k: 896 },
  ],
  moe_stage1_mxfp4: [
    { tokens: 1, experts: 2, topk: 1, hidden: 64, inter: 32 },
    { tokens: 9, experts: 5, topk: 5, hidden: 320, inter: 96 },
  ],
  moe_stage2_mxfp4: [
    { tokens: 1, experts: 2, topk: 1, hidden: 64, inter: 64 },
    { tokens: 9, experts: 5, topk: 5, hidden: 96, inter: 320 },
  ],
  fused_moe_mxfp4: [
    { tokens: 2, experts: 3, topk: 2, hidden: 64, inter: 64 },
    { tokens: 9, experts: 5, topk: 2, hidden: 192, inter: 64 },
  ],
  dynamic_mxfp4_quant: [{ rows: 3, columns: 70 }],
  deepgemm_per_token_cast: [{ rows: 3, columns: 200 }],
  deepgemm_per_block_cast: [{ n: 100, k: 200 }],
  act_mul_and_fp8_group_quant: [{ rows: 2, inter: 200 }],
  fused_flatten_fp8_group_quant: [{ tokens: 2, heads: 3, head: 128 }],
  topk_softmax: [{ tokens: 2, experts: 4, topk: 2 }],
  moe_sorting: [{ tokens: 2, experts: 4, topk: 2 }],
};

describe.each(OP_NAMES)('%s', (op: OpName) => {
  it.each(['address-coded', 'random'] as const)(
    '%s data runs, with outputs that are finite and not constant',
    (data) => {
      for (const sizes of [{}, ...(OTHER[op] ?? [])]) {
        const call = probeCall({ op, sizes, data });
        const outputs = definitionOf(op).reference(call.params, call.operands) as Readonly<Record<string, Tensor>>;
        const given = { ...probeSizes(op), ...sizes };
        if (op === 'fused_rms_fp8_group_quant') delete given['columns2'];
        expect(sizesOf(call)).toEqual(given);
        for (const [name, output] of Object.entries(outputs)) {
          const values = valuesOf(output);
          expect(Array.from(values).every(Number.isFinite), name).toBe(true);
          if (values.length > 8) expect(new Set(Array.from(values)).size, name).toBeGreaterThan(1);
        }
      }
    },
  );

  it('gives the same bytes for the same seed only', () => {
    const sizes = OTHER[op]?.[0] ?? {};
    for (const data of ['address-coded', 'random'] as const) {
      const [a, b, c] = [1, 1, 2].map((seed) => bytesOf(probeCall({ op, data, seed, sizes }).operands));
      expect(b).toBe(a);
      expect(c).not.toBe(a);
    }
  });
});

describe('choices', () => {
  it.each(['plain', 'checkpoint', 'separated', 'interleave'] as const)(
    '%s expert weights give the same outputs',
    (layout) => {
      for (const op of ['moe_stage1_mxfp4', 'moe_stage2_mxfp4', 'fused_moe_mxfp4'] as const) {
        expect(bytesOf(outputsOf({ op, layout }))).toBe(bytesOf(outputsOf({ op })));
      }
    },
  );

  it.each(['a8w4', 'a4w4'] as const)('quantised activations, %s', (scheme) => {
    for (const data of ['address-coded', 'random', 'one-hot'] as const) {
      for (const op of ['moe_stage1_mxfp4', 'moe_stage2_mxfp4', 'fused_moe_mxfp4'] as const) {
        for (const output of Object.values(outputsOf({ op, data, params: { scheme, activation: 'silu' } }))) {
          expect(Array.from(valuesOf(output)).every(Number.isFinite)).toBe(true);
        }
      }
    }
  });

  it('biases can be left out', () => {
    expect(Object.keys(probeCall({ op: 'fused_moe_mxfp4', bias: false }).operands)).not.toContain('w1_bias');
    expect(Object.keys(probeCall({ op: 'fused_moe_mxfp4' }).operands)).toContain('w2_bias');
  });

  it('packed scales of DeepGEMM stand for the same numbers as float ones', () => {
    for (const data of ['address-coded', 'random'] as const) {
      const { operands } = probeCall({ op: 'fp8_gemm_nt', scales: 'packed', data });
      expect([operands['x_scale']?.type, operands['w_scale']?.layout.shape]).toEqual(['i32', [384, 2]]);
      expect(
        Array.from(valuesOf(outputsOf({ op: 'fp8_gemm_nt', scales: 'packed', data })['y'] as Tensor)).every(
          Number.isFinite,
        ),
      ).toBe(true);
    }
  });

  it('fnuz, other blocks, number types, residuals', () => {
    expect(probeCall({ op: 'gemm_a8w8_bpreshuffle', format: 'e4m3fnuz', data: 'random' }).operands['w']?.type).toBe(
      'e4m3fnuz',
    );
    const { operands } = probeCall({ op: 'gemm_a8w8_blockscale', params: { block: [64, 32] }, data: 'random' });
    expect(operands['w_scale']?.layout.shape).toEqual([6, 20]);
    expect(probeCall({ op: 'per_token_quant', type: 'f16' }).operands['x']?.type).toBe('f16');
    expect(Object.keys(probeCall({ op: 'add_rmsnorm_quant', residual: false }).operands)).toEqual(['x', 'w']);
    const second = probeCall({ op: 'fused_rms_fp8_group_quant', second: true });
    expect(sizesOf(second)).toEqual(probeSizes('fused_rms_fp8_group_quant'));
  });

  it('random activations are sometimes beyond the clamp of swiglu', () => {
    const h = outputsOf({ op: 'moe_stage1_mxfp4', data: 'random' })['h'] as Tensor;
    const open = outputsOf({ op: 'moe_stage1_mxfp4', data: 'random', params: { swiglu_limit: 1e9 } })['h'] as Tensor;
    const differ = h.bytes.filter((byte, at) => byte !== open.bytes[at]).length;
    expect(differ).toBeGreaterThan(0);
    expect(differ).toBeLessThan(h.bytes.length / 4);
  });
});

describe('one-hot data', () => {
  it('reads back columns of the weight, wherever it starts', () => {
    for (const start of [0, 37]) {
      const { operands } = probeCall({ op: 'gemm_a8w8_blockscale', data: 'one-hot', start });
      const y = valuesOf(outputsOf({ op: 'gemm_a8w8_blockscale', data: 'one-hot', start })['y'] as Tensor);
      const [w, scale] = [operands['w'] as Tensor, asF32(operands['w_scale'] as Tensor)];
      for (const [m, n] of [
        [0, 0],
        [60, 383],
        [17, 200],
      ] as const) {
        const k = (start + m) % 640;
        const value =
          decode('e4m3fn', w.bytes[n * 640 + k] as number) *
          (scale[Math.floor(n / 128) * 5 + Math.floor(k / 128)] ?? 0);
        expect(y[m * 384 + n]).toBe(value);
      }
    }
  });

  it('reads back the down weight of the first slot of a token', () => {
    const { operands } = probeCall({ op: 'moe_stage2_mxfp4', data: 'one-hot', layout: 'plain', start: 5 });
    const y = valuesOf(outputsOf({ op: 'moe_stage2_mxfp4', data: 'one-hot', start: 5 })['y'] as Tensor);
    const codes = valuesOf(operands['w2'] as Tensor);
    const scales = valuesOf(operands['w2_scale'] as Tensor);
    const ids = asI32(operands['topk_ids'] as Tensor);
    for (const token of [0, 7, 23]) {
      const [expert, column] = [ids[token * 3] as number, (5 + token * 3) % 128];
      const at = (expert * 256 + 200) * 128 + column;
      expect(y[token * 256 + 200]).toBe((codes[at] as number) * (scales[Math.floor(at / 32)] as number));
    }
  });

  it('is refused where there is no weight', () => {
    expect(() => probeCall({ op: 'per_token_quant', data: 'one-hot' })).toThrow(
      'probeCall: parameter "data": is one-hot, which reads back the weight of a multiplication, but per_token_quant has none. ' +
        'Use address-coded or random.',
    );
  });
});

describe('poisoned padding', () => {
  const cases: readonly ProbeOptions[] = [
    { op: 'gemm_a8w8_bpreshuffle', sizes: { k: 100 } },
    { op: 'gemm_a4w4_bpreshuffle', sizes: { n: 272, k: 320 } },
    { op: 'fp8_gemm_nt' },
    { op: 'fp8_gemm_nt', scales: 'packed' },
    { op: 'moe_stage1_mxfp4', sizes: { hidden: 192, inter: 96 } },
    { op: 'moe_stage1_mxfp4', sizes: { hidden: 128, inter: 96 }, layout: 'interleave' },
    { op: 'moe_stage2_mxfp4' },
    { op: 'fused_moe_mxfp4' },
    { op: 'unpack_ue8m0_scale' },
  ];

  it.each(cases)('$op $layout $scales: is there, and never read', (options) => {
    for (const data of ['address-coded', 'random'] as const) {
      const poisoned = probeCall({ ...options, data }).operands;
      const clean = probeCall({ ...options, data, poison: false }).operands;
      const same = (name: string): boolean =>
        Buffer.from(poisoned[name]?.bytes ?? []).equals(clean[name]?.bytes ?? new Uint8Array());
      const differing = Object.keys(poisoned).filter((name) => !same(name));
      expect(differing.length).toBeGreaterThan(0);
      for (const name of differing) {
        expect(poisoned[name]?.layout.storageSize).toBeGreaterThan(poisoned[name]?.layout.size as number);
        expect(poisoned[name]?.bytes.includes(0xff)).toBe(true);
      }
      expect(bytesOf(outputsOf({ ...options, data }))).toBe(bytesOf(outputsOf({ ...options, data, poison: false })));
    }
  });
});

describe('errors', () => {
  it.each([
    [
      { op: 'fp8_gemm_nt', sizes: { M: 3 } },
      'probeCall: parameter "sizes": has "M", which is no size of fp8_gemm_nt. Known: m, n, k.',
    ],
    [{ op: 'fp8_gemm_nt', sizes: { m: 0 } }, 'probeCall: parameter "sizes": has m = 0, expected a positive integer.'],
    [
      { op: 'fp8_gemm_nt', data: 'zeros' as never },
      'probeCall: parameter "data": is "zeros", expected address-coded, random, one-hot.',
    ],
    [{ op: 'fp8_gemm_nt', seed: -1 }, 'probeCall: parameter "seed": is -1, expected an integer 0..65535.'],
    [
      { op: 'fp8_gemm_nt', layout: 'plain' },
      'probeCall: parameter "layout": is given, but fp8_gemm_nt has no such choice. It takes: scales, start, poison.',
    ],
    [
      { op: 'moe_stage1_mxfp4', layout: 'L2' as never },
      'probeCall: parameter "layout": is "L2", expected plain, checkpoint, separated, interleave.',
    ],
    [
      { op: 'fp8_gemm_nt', start: 0.5 },
      'probeCall: parameter "start": is 0.5, expected an integer that is not negative.',
    ],
  ] as const)('%j', (options, message) => {
    expect(() => probeCall(options as ProbeOptions)).toThrow(message);
  });

  it('of sizes and parameters are those of the op', () => {
    expect(() => probeCall({ op: 'fp8_gemm_nt', sizes: { k: 100 } })).toThrow(
      'operand "w": has shape [384, 100], but DeepGEMM needs N in multiples of 64 and K in multiples of 128.',
    );
    expect(() => probeCall({ op: 'gemm_a8w8_bpreshuffle', sizes: { n: 20 } })).toThrow(
      'tiles of 16 rows by 32 columns',
    );
    expect(() => probeCall({ op: 'gemm_a4w4_bpreshuffle', sizes: { k: 96 } })).toThrow('K to a multiple of 64');
    expect(() => probeCall({ op: 'moe_stage1_mxfp4', params: { activation: 'relu' } })).toThrow(
      'silu or swiglu or gelu',
    );
    expect(() => probeCall({ op: 'nothing' as OpName })).toThrow(
      /parameter "op": is "nothing", expected one of act_mul/,
    );
  });
});
