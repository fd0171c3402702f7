import { describe, expect, it } from 'vitest';
import * as q from '../../src/ops/quant-ops.ts';
import type { ElementType } from '../../src/tensor/element-type.ts';
import { goldenCases } from './gemm-moe-support.ts';

const source = (src: unknown): ElementType => (src === undefined ? 'bf16' : (src as ElementType));
const diff = (a: Uint8Array, b: Uint8Array) => a.reduce((n, v, i) => n + (v === b[i] ? 0 : 1), 0) + (a.length === b.length ? 0 : 1e9);
const ops = [
  ['quant.safetensors', q.perTensorQuant], ['quant.safetensors', q.perTokenQuant], ['quant.safetensors', q.per1x128Quant],
  ['quant.safetensors', q.mxfp4Quant], ['quant.safetensors', q.mxfp8Quant], ['fused.safetensors', q.dynamicMxfp4Quant],
  ['ue8m0.safetensors', q.deepgemmPerBlockCast], ['ue8m0.safetensors', q.deepgemmPerTokenCast], ['ue8m0.safetensors', q.deepgemmPerTokenCastPacked],
] as const;
describe('scratch', () => {
  it('x', () => {
    for (const [file, op] of ops) for (const c of goldenCases(file, op.name)) {
      const out = op.reference(c.meta as never, { x: c.read('x', source(c.meta.src)) } as never) as any;
      console.log(c.name, diff(out.y.bytes, c.bytes('y')), diff(out.scale.bytes, c.bytes('scale')), out.scale.bytes.length);
    }
    for (const c of goldenCases('fused.safetensors', 'fused_flatten_fp8_group_quant')) for (const s of [0, 1]) {
      const out = q.fusedFlattenFp8GroupQuant.reference({ scaleStore: s ? 'column-major' : 'row-major' }, { x: c.read('x', 'bf16') });
      console.log(c.name, s, diff(out.y.bytes, c.bytes(`y${s}`)), diff(out.scale.bytes, c.bytes(`scale${s}`)), out.scale.bytes.length);
    }
    for (const c of goldenCases('fused.safetensors', 'fused_rms_fp8_group_quant')) for (const s of [0, 1]) {
      const r = c.meta.residual ? { r: c.read('r', 'bf16') } : {};
      const out = q.fusedRmsFp8GroupQuant.reference({ eps: c.meta.eps as number, scaleStore: s ? 'transposed-view' : 'row-major' }, { x: c.read('x', 'bf16'), w: c.read('w', 'bf16'), ...r });
      console.log(c.name, s, diff(out.y.bytes, c.bytes(`y${s}`)), diff(out.scale.bytes, c.bytes(`scale${s}`)), out.scale.bytes.length, diff(out.norm.bytes, c.bytes('norm')), out.norm.bytes.length, c.meta.residual ? diff(out.res_out.bytes, c.bytes('res_out')) : '');
    }
  });
});
