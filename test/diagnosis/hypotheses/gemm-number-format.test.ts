import { describe, expect, it } from 'vitest';
import { candidatesOf } from '../../../src/diagnosis/candidate.ts';
import { GEMM_NUMBER_FORMAT_HYPOTHESES } from '../../../src/diagnosis/hypotheses/gemm-number-format.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { asF32, asI32 } from '../../../src/tensor/views.ts';
import { gemmCalls, hypothesis, itFinds, outputsOf, outputUnder } from './gemm-support.ts';

describe('mistakes with number formats are found', () => {
  itFinds(GEMM_NUMBER_FORMAT_HYPOTHESES);
});

describe('mistakes with e4m3fnuz and packed scales are found', () => {
  itFinds([hypothesis('fnuz-scale-doubled')], (op) => gemmCalls(op, { format: 'e4m3fnuz' }));
  itFinds([hypothesis('float-scale-read-as-ue8m0')], (op) => gemmCalls(op, { scales: 'packed', sizes: { k: 1152 } }));
});

describe('what the mistakes do', () => {
  const call = probeCall({ op: 'gemm_a8w8_blockscale', sizes: { m: 2, n: 32, k: 256 }, params: { out: 'f32' } });
  const { y } = outputsOf(call);

  it.each([
    ['fn-read-as-fnuz', 0.5],
    ['fnuz-scale-doubled', 2],
  ] as const)('%s: every output times %d', (id, factor) => {
    const [way] = candidatesOf(hypothesis(id), call);
    const wrong = asF32(outputUnder(call, way as never)['y'] as never);
    expect([...wrong]).toEqual([...asF32(y as never)].map((value) => factor * value));
  });

  it('float bits taken for exponents: 2^-3 is 0x3e000000', () => {
    const packed = probeCall({ op: 'fp8_gemm_nt', sizes: { m: 1, n: 64, k: 128 }, scales: 'packed' });
    const scale = packed.operands['x_scale'];
    if (scale === undefined) throw new Error('no scale');
    const bytes = scale.bytes.slice();
    bytes[0] = 124;
    const given = { ...packed, operands: { ...packed.operands, x_scale: { ...scale, bytes } } };
    const [way] = candidatesOf(hypothesis('float-scale-read-as-ue8m0'), given);
    expect(asI32(way?.call.operands['x_scale'] as never)[0]).toBe(0x3e000000);
  });

  it('float scales are no mistake in a call with packed ones', () => {
    const packed = probeCall({ op: 'fp8_gemm_nt', sizes: { m: 2, n: 64, k: 256 }, scales: 'packed' });
    for (const id of ['scale-truncated-to-ue8m0', 'scale-ceiled-without-requant', 'ue8m0-read-as-float-scale'])
      expect(hypothesis(id).variants(packed)).toEqual([]);
  });
});
