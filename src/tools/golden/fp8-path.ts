import { scaleTmaAligned, scaleTransposedView } from '../../layout/activation-scale.ts';
import { shuffleWeight } from '../../layout/catalog.ts';
import { rowMajor } from '../../layout/plain.ts';
import { actMulAndFp8GroupQuant } from '../../ops/act-mul-and-fp8-group-quant.ts';
import { addRmsnormQuant } from '../../ops/add-rmsnorm-quant.ts';
import { fp8GemmNt } from '../../ops/fp8-gemm-nt.ts';
import { fusedRmsFp8GroupQuant } from '../../ops/fused-rms-fp8-group-quant.ts';
import { gemmA8w8Blockscale } from '../../ops/gemm-a8w8-blockscale.ts';
import { gemmA8w8Bpreshuffle } from '../../ops/gemm-a8w8-bpreshuffle.ts';
import { normalizeE4m3fnToE4m3fnuz } from '../../ops/normalize-e4m3fn-to-e4m3fnuz.ts';
import { packUe8m0MnMajor } from '../../ops/pack-ue8m0-mn-major.ts';
import { per1x128Quant } from '../../ops/per-1x128-quant.ts';
import { requantWeightUe8m0 } from '../../ops/requant-weight-ue8m0.ts';
import type { BlockScaleMath } from '../../ops/shared/block-scale-math.ts';
import { unpackUe8m0Scale } from '../../ops/unpack-ue8m0-scale.ts';
import { GoldenFileBuilder } from './file-builder.ts';
import { activations, addressCodes, distinctScales, powerScales, stored } from './inputs.ts';

/** Cases of the FP8 path that the files of the reference projects lack: one token, M == G, ragged sizes, every new op. */
export function fp8PathFile(): Uint8Array {
  const file = new GoldenFileBuilder();
  blockScaled(file);
  perToken(file);
  deepgemm(file);
  fusedQuantisers(file);
  weights(file);
  return file.bytes();
}

function blockScaled(file: GoldenFileBuilder): void {
  const cases: readonly (readonly [
    string,
    number,
    number,
    number,
    'e4m3fn' | 'e4m3fnuz',
    'bf16' | 'f16',
    BlockScaleMath,
  ])[] = [
    ['one_token', 1, 128, 384, 'e4m3fn', 'bf16', 'ck'],
    ['m_equals_g', 3, 64, 384, 'e4m3fn', 'bf16', 'ck'],
    ['one_group', 7, 64, 128, 'e4m3fn', 'bf16', 'triton'],
    ['ragged_n', 5, 208, 256, 'e4m3fn', 'f16', 'triton-preshuffle'],
    ['ragged_m', 17, 144, 640, 'e4m3fn', 'bf16', 'triton'],
    ['fnuz', 6, 96, 256, 'e4m3fnuz', 'bf16', 'ck'],
  ];
  for (const [name, M, N, K, format, out, math] of cases) {
    const x = addressCodes('x', format, M, K);
    const w = addressCodes('w', format, N, K);
    const x_scale = distinctScales('x_scale', [M, Math.ceil(K / 128)]);
    const w_scale = distinctScales('w_scale', [Math.ceil(N / 128), Math.ceil(K / 128)], 0.011);
    const { y } = gemmA8w8Blockscale.reference({ out, math }, { x, w, x_scale, w_scale });
    const w_shuffled = stored(w, shuffleWeight([N, K], { bits: 8 }));
    const params = { op: 'gemm_a8w8_blockscale', M, N, K, format, out, math };
    file.add(`blockscale_${name}`, params, { x, w, x_scale, w_scale, w_shuffled, y });
    const columnMajor = stored(x_scale, scaleTransposedView([M, Math.ceil(K / 128)]));
    file.add(
      `bpreshuffle_${name}`,
      { ...params, op: 'gemm_a8w8_blockscale_bpreshuffle' },
      { x, w_shuffled, x_scale: [columnMajor, [Math.ceil(K / 128), M]], w_scale, y },
    );
  }
}

function perToken(file: GoldenFileBuilder): void {
  for (const [name, M, N, K, format, math] of [
    ['one_token', 1, 48, 192, 'e4m3fn', 'ck'],
    ['ragged', 19, 112, 320, 'e4m3fn', 'ck'],
    ['flydsl', 5, 64, 256, 'e4m3fn', 'flydsl'],
    ['fnuz', 4, 64, 128, 'e4m3fnuz', 'ck'],
  ] as const) {
    const x = addressCodes('x', format, M, K);
    const w = addressCodes('w', format, N, K);
    const x_scale = distinctScales('x_scale', [M, 1]);
    const w_scale = distinctScales('w_scale', [N, 1], 0.02);
    const w_shuffled = stored(w, shuffleWeight([N, K], { bits: 8 }));
    const { y } = gemmA8w8Bpreshuffle.reference({ math }, { x, w: w_shuffled, x_scale, w_scale });
    file.add(
      `ptpc_${name}`,
      { op: 'gemm_a8w8_bpreshuffle', M, N, K, format, out: 'bf16', math },
      { x, w_shuffled, x_scale, w_scale, y },
    );
  }
}

function deepgemm(file: GoldenFileBuilder): void {
  for (const [name, M, N, K] of [
    ['one_token', 1, 64, 128],
    ['ragged_m', 5, 192, 640],
    ['m_equals_g', 4, 64, 512],
  ] as const) {
    const G = K / 128;
    const x = addressCodes('x', 'e4m3fn', M, K);
    const w = addressCodes('w', 'e4m3fn', N, K);
    const aligned = Math.ceil(M / 4) * 4;
    const x_scale = stored(distinctScales('x_scale', [M, G]), scaleTmaAligned([M, G]));
    const w_scale = distinctScales('w_scale', [Math.ceil(N / 128), G], 0.011);
    const { y } = fp8GemmNt.reference({ math: 'ck' }, { x, w, x_scale, w_scale });
    const params = { op: 'fp8_gemm_nt', M, N, K, out: 'bf16', math: 'ck' };
    file.add(`deepgemm_f32_${name}`, params, { x, w, x_scale: [x_scale, [G, aligned]], w_scale, y });

    const words = Math.ceil(G / 4);
    const xPacked = packUe8m0MnMajor.reference({}, { x: powerScales('x_scale', [M, G]) }).y;
    const wPacked = packUe8m0MnMajor.reference(
      { mn: N, granMn: 128 },
      { x: powerScales('w_scale', [Math.ceil(N / 128), G]) },
    ).y;
    const packed = fp8GemmNt.reference({ math: 'ck' }, { x, w, x_scale: xPacked, w_scale: wPacked }).y;
    file.add(`deepgemm_packed_${name}`, params, {
      x,
      w,
      x_scale: [xPacked, [words, aligned]],
      w_scale: [wPacked, [words, N]],
      y: packed,
    });
  }
}

function fusedQuantisers(file: GoldenFileBuilder): void {
  const eps = 1e-6;
  for (const [name, rows, columns, group, transposed] of [
    ['per_token', 5, 384, 0, false],
    ['one_row', 1, 256, 0, false],
    ['group_128', 6, 512, 128, false],
    ['group_128_shuffled_scale', 7, 256, 128, true],
  ] as const) {
    const x = activations('x', 'bf16', [rows, columns]);
    const w = activations('w', 'bf16', [columns]);
    const r = activations('r', 'bf16', [rows, columns]);
    const params = { eps, group, scaleStore: transposed ? 'transposed-view' : 'row-major' } as const;
    const out = addRmsnormQuant.reference(params, { x, w, r });
    const shape = [rows, columns];
    const scaleShape = transposed ? [columns / group, rows] : out.scale.layout.shape;
    file.add(
      `add_rmsnorm_${name}`,
      { op: 'add_rmsnorm_quant', shape, src: 'bf16', eps, group, shuffle_scale: transposed, residual: true },
      {
        x,
        w,
        r,
        y: out.y,
        scale: [out.scale, scaleShape],
        ...(out.res_out === undefined ? {} : { res_out: out.res_out }),
      },
    );
  }

  const shape = [5, 384];
  const operands = {
    x: activations('x', 'bf16', shape),
    w: activations('w', 'bf16', [384]),
    r: activations('r', 'bf16', shape),
    x2: activations('x2', 'bf16', [5, 256]),
    w2: activations('w2', 'bf16', [256]),
  };
  const { y, scale, norm, res_out, y2 } = fusedRmsFp8GroupQuant.reference({ eps }, operands);
  const second = y2 === undefined ? {} : { y2 };
  file.add(
    'rms_second_input',
    { op: 'fused_rms_fp8_group_quant', shape, src: 'bf16', eps, eps2: eps, group: 128, residual: true },
    { ...operands, y0: y, scale0: scale, norm, res_out, ...second },
  );

  for (const [name, rows, columns] of [
    ['one_row', 1, 256],
    ['ragged', 5, 384],
  ] as const) {
    const x = activations('x', 'bf16', [rows, 2 * columns]);
    const out = actMulAndFp8GroupQuant.reference({}, { x });
    file.add(`silu_mul_${name}`, { op: 'act_mul_and_fp8_group_quant', src: 'bf16', group: 128 }, { x, ...out });
  }

  for (const math of ['hip', 'aiter-triton', 'sglang-triton', 'sglang-cuda'] as const) {
    const x = activations('x', 'bf16', [7, 384]);
    const out = per1x128Quant.reference({ math }, { x });
    file.add(`per_1x128_${math}`, { op: 'per_1x128_quant', src: 'bf16', format: 'e4m3fn', math }, { x, ...out });
  }
}

function weights(file: GoldenFileBuilder): void {
  const w = addressCodes('w', 'e4m3fn', 200, 300);
  const scale = distinctScales('scale', [2, 3]);
  const requantised = requantWeightUe8m0.reference({}, { w, scale });
  file.add(
    'requant_200x300',
    { op: 'requant_weight_ue8m0' },
    { w, scale, y: requantised.y, scale_out: requantised.scale },
  );
  const sf = powerScales('x', [2, 5]);
  const packed = packUe8m0MnMajor.reference({ mn: 201, granMn: 128 }, { x: sf }).y;
  file.add('pack_mn_major', { op: 'pack_ue8m0_mn_major', mn: 201, gran_mn: 128 }, { x: sf, y: [packed, [2, 204]] });
  const unpacked = unpackUe8m0Scale.reference({ groups: 5, granMn: 128 }, { x: packed }).y;
  file.add(
    'unpack_mn_major',
    { op: 'unpack_ue8m0_scale', mn: 201, groups: 5, gran_mn: 128 },
    { x: [packed, [2, 204]], y: unpacked },
  );
  const every = Uint8Array.from({ length: 256 }, (_, index) => index);
  const codes = { ...addressCodes('w', 'e4m3fn', 16, 16), bytes: every, layout: rowMajor([16, 16]) };
  const fnuz = normalizeE4m3fnToE4m3fnuz.reference({}, { w: codes, scale });
  file.add(
    'fnuz_every_code',
    { op: 'normalize_e4m3fn_to_e4m3fnuz' },
    { w: codes, scale, y: fnuz.y, scale_out: fnuz.scale },
  );
}
