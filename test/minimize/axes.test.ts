import { describe, expect, it } from 'vitest';
import { axesOf } from '../../src/minimize/axes.ts';
import type { Axis } from '../../src/minimize/axis.ts';
import { elementsOf, takeAlong, withElements } from '../../src/minimize/gather.ts';
import type { KernelCall, NamedTensors } from '../../src/ops/kernel-call.ts';
import { definitionOf, type OpName } from '../../src/ops/registry.ts';
import { type ProbeOptions, probeCall } from '../../src/probe/probe-call.ts';
import { toRowMajor } from '../../src/tensor/relayout.ts';

const reference = ({ op, params, operands }: KernelCall): NamedTensors => definitionOf(op).reference(params, operands);

/** Units 0, 2 and the last one, which may be shorter: enough to leave a gap and an end. */
function some(axis: Axis, call: KernelCall): readonly number[] {
  const [size, unit] = [axis.size(call), axis.unit(call)];
  const units = [...new Set([0, 2, Math.ceil(size / unit) - 1])];
  return units.flatMap((index) =>
    Array.from({ length: Math.min(unit, size - index * unit) }, (_, at) => index * unit + at),
  );
}

function named(call: KernelCall, name: string): readonly Axis[] {
  return axesOf(call).filter((axis) => axis.name === name && axis.applies(call));
}

/** Axes along which each element of an output depends on its own index only. */
const INDEPENDENT: readonly (readonly [ProbeOptions, string])[] = [
  ...(
    [
      'gemm_a8w8_blockscale',
      'gemm_a8w8_blockscale_bpreshuffle',
      'gemm_a8w8_bpreshuffle',
      'gemm_a4w4_bpreshuffle',
    ] as const
  ).flatMap((op) => [[{ op }, 'M'] as const, [{ op }, 'N'] as const]),
  [{ op: 'fp8_gemm_nt' }, 'M'],
  [{ op: 'fp8_gemm_nt' }, 'N'],
  [{ op: 'fp8_gemm_nt', scales: 'packed' }, 'M'],
  [{ op: 'fp8_gemm_nt', scales: 'packed' }, 'N'],
  ...(['plain', 'checkpoint', 'separated', 'interleave'] as const).flatMap((layout) => [
    [{ op: 'moe_stage1_mxfp4', layout } as const, 'tokens'] as const,
    [{ op: 'moe_stage1_mxfp4', layout } as const, 'inter'] as const,
    [{ op: 'moe_stage2_mxfp4', layout } as const, 'tokens'] as const,
    [{ op: 'moe_stage2_mxfp4', layout } as const, 'hidden'] as const,
    [{ op: 'fused_moe_mxfp4', layout } as const, 'tokens'] as const,
  ]),
  ...(
    [
      'act_mul_and_fp8_group_quant',
      'add_rmsnorm_quant',
      'dynamic_mxfp4_quant',
      'fused_rms_fp8_group_quant',
      'mxfp4_quant',
      'per_1x128_quant',
      'requant_weight_ue8m0',
      'deepgemm_per_token_cast',
    ] as const
  ).map((op) => [{ op }, 'rows'] as const),
  [{ op: 'fused_rms_fp8_group_quant', second: true }, 'rows'],
  [{ op: 'act_mul_and_fp8_group_quant' }, 'columns'],
  [{ op: 'mxfp8_quant' }, 'columns'],
  [{ op: 'per_1x128_quant' }, 'columns'],
  [{ op: 'requant_weight_ue8m0' }, 'columns'],
  [{ op: 'permute' }, 'rows'],
  [{ op: 'permute' }, 'columns'],
  [{ op: 'unpack_ue8m0_scale' }, 'groups'],
  [{ op: 'unpack_ue8m0_scale' }, 'rows'],
  [{ op: 'topk_softmax' }, 'tokens'],
];

describe('what is left computes what it computed before', () => {
  it.each(INDEPENDENT.map((entry) => [JSON.stringify(entry[0]), entry[1], entry[0]] as const))(
    '%s %s',
    (_label, name, probe) => {
      const call = probeCall({ data: 'random', ...probe });
      const whole = reference(call);
      const axes = named(call, name);
      let compared = 0;
      for (const axis of axes) {
        const kept = some(axis, call);
        const cut = axis.take(call, kept) as KernelCall;
        const left = reference(cut);
        for (const [output, dim] of axis.shows) {
          const before = whole[output];
          const after = left[output];
          if (before === undefined || after === undefined) continue;
          const at = dim < 0 ? before.layout.shape.length + dim : dim;
          if (before.layout.shape[at] !== axis.size(call)) continue;
          compared += 1;
          const taken = takeAlong(toRowMajor(before), at, kept);
          expect(elementsOf(after), output).toEqual(elementsOf(taken as never));
        }
      }
      expect(compared).toBeGreaterThan(0);
    },
  );
});

/** Axes that outputs sum over: leaving elements out is as good as zeros in the activations. */
const SUMMED: readonly (readonly [ProbeOptions, string, string])[] = [
  ...(
    [
      'gemm_a8w8_blockscale',
      'gemm_a8w8_blockscale_bpreshuffle',
      'gemm_a8w8_bpreshuffle',
      'gemm_a4w4_bpreshuffle',
    ] as const
  ).map((op) => [{ op }, 'K', 'x'] as const),
  [{ op: 'fp8_gemm_nt' }, 'K', 'x'],
  [{ op: 'fp8_gemm_nt', scales: 'packed' }, 'K', 'x'],
  ...(['plain', 'checkpoint', 'separated', 'interleave'] as const).flatMap((layout) => [
    [{ op: 'moe_stage1_mxfp4', layout, sizes: { hidden: 512 } } as const, 'hidden', 'x'] as const,
    [{ op: 'moe_stage2_mxfp4', layout, sizes: { inter: 256 } } as const, 'inter', 'h'] as const,
  ]),
];

describe('what is left out is as if it were zero', () => {
  it.each(SUMMED.map(([probe, name, input]) => [JSON.stringify(probe), name, probe, input] as const))(
    '%s %s',
    (_label, name, probe, input) => {
      const call = probeCall({ data: 'random', ...probe });
      const [axis] = named(call, name);
      if (axis === undefined) throw new Error(`${name} cannot be cut`);
      const kept = some(axis, call);
      const x = call.operands[input];
      if (x === undefined) throw new Error(`${input} is missing`);
      const columns = x.layout.shape.at(-1) ?? 1;
      const elements = elementsOf(x).slice();
      const width = elements.length / x.layout.size;
      for (let index = 0; index < x.layout.size; index += 1)
        if (!kept.includes(index % columns)) elements.fill(0, index * width, (index + 1) * width);
      const zeroed = withElements(x, x.layout.shape, elements);
      const expected = reference({ ...call, operands: { ...call.operands, [input]: zeroed as never } });
      const cut = axis.take(call, kept) as KernelCall;
      expect(kept.length).toBeLessThan(columns);
      for (const [output, tensor] of Object.entries(reference(cut)))
        expect(elementsOf(tensor), output).toEqual(elementsOf(expected[output] as never));
    },
  );
});

describe('experts', () => {
  it.each(['moe_stage1_mxfp4', 'moe_stage2_mxfp4', 'fused_moe_mxfp4'] as const)(
    '%s: idle ones change nothing',
    (op: OpName) => {
      const call = probeCall({ op, data: 'random', layout: 'interleave', sizes: { tokens: 2, topk: 2, experts: 8 } });
      const [axis] = named(call, 'experts');
      const [busy] = axis?.first(call) ?? [];
      const cut = axis?.take(call, busy ?? []) as KernelCall;
      expect(busy?.length).toBeLessThan(8);
      for (const [output, tensor] of Object.entries(reference(cut)))
        expect(tensor.bytes, output).toEqual(reference(call)[output]?.bytes);
    },
  );
});
