import { encodeArray } from '../../formats/encode.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import type { OpName } from '../../ops/registry.ts';
import { type FloatSource, floatValues } from '../../ops/shared/rows.ts';
import { type RmsNorm, rmsNorm } from '../../ops/shared/rows-rms-norm.ts';
import { asBytes, tensorFrom } from '../../tensor/make.ts';
import { type Hypothesis, type MistakenCall, singleVariant, type Variant } from '../hypothesis.ts';
import { centred, dividedBy, sourceOf, times, transposed, withSource } from './norm-source.ts';
import { quantisationOf } from './quantised-call.ts';
import { withOutput } from './stored-scale.ts';

const NORMS: readonly OpName[] = ['add_rmsnorm_quant', 'fused_rms_fp8_group_quant'];

/** Mistakes with the norm in front of a quantiser. */
export const NORM_OP_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'norm-weight-plus-one',
    title: 'the norm multiplies by w + 1 where w is meant, or by w where w + 1 is',
    family: 'arithmetic',
    ops: NORMS,
    symptom: 'scales and codes wrong in every token; with weights near 0 (Gemma) the rows nearly vanish',
    origin: 'derived: gemma_norm of add_rmsnorm_quant in AITER; Gemma checkpoints store w - 1',
    evidence: 'derived',
    remedy: 'Set gemma_norm for Gemma checkpoints only, or add 1 to the weight when it is loaded, not both.',
    hiddenBy: 'nothing',
    variants: singleVariant((call) => withWeight(call, gemma(call) ? (w) => w - 1 : (w) => w + 1)),
  },
  {
    id: 'norm-weight-dropped',
    title: 'the weight of the norm is left out',
    family: 'arithmetic',
    ops: NORMS,
    symptom: 'each column off by a factor of its own, the same one in every token',
    origin:
      'derived: has_weight false in a template of a norm kernel, or a weight that is folded into the next layer as well',
    evidence: 'derived',
    remedy: 'Pass the weight of this very norm; do not fold it into the projection that follows.',
    hiddenBy: 'weights of 1, as after initialisation',
    variants: singleVariant((call) => withWeight(call, () => (gemma(call) ? 0 : 1))),
  },
  {
    id: 'norm-eps',
    title: 'another number is added to the mean square',
    family: 'arithmetic',
    ops: NORMS,
    symptom: 'scales off by one factor a token, more for small tokens; codes are right',
    origin: 'derived: rms_norm_eps of the checkpoint is 1e-5 or 1e-6, and kernels have defaults of their own',
    evidence: 'derived',
    remedy: 'Pass rms_norm_eps of the checkpoint.',
    hiddenBy: 'rows of ordinary size: eps counts where the mean square comes near it',
    variants: (call) => {
      const { eps: own = 1e-6 } = call.params as { readonly eps?: number };
      return [0, 1e-6, 1e-5, 1e-12].filter((eps) => eps !== own).map((eps) => withEps(call, eps));
    },
  },
  {
    id: 'norm-divisor',
    title: 'the sum of squares is divided by another length than that of the row',
    family: 'arithmetic',
    ops: NORMS,
    symptom: 'all scales off by one factor; codes are right',
    origin:
      'derived: BLOCK_SIZE, the next power of two, in place of the row length in a Triton kernel; or a sum that is no mean',
    evidence: 'derived',
    remedy: 'Divide by the number of columns of x, not by the padded block.',
    hiddenBy: 'rows that are a power of two long, for the padded block',
    variants: (call) => {
      const { columns } = sourceOf(call);
      const padded = 2 ** Math.ceil(Math.log2(columns));
      return [1, padded]
        .filter((length) => length !== columns)
        .map((length) => ({
          detail: length === 1 ? 'not divided at all' : `${length} instead of ${columns}`,
          make: () => withSource(call, (source) => dividedBy(source, length)),
        }));
    },
  },
  {
    id: 'norm-subtracts-mean',
    title: 'the mean is subtracted first, as LayerNorm does',
    family: 'arithmetic',
    ops: NORMS,
    symptom: 'all codes a little off, in proportion to the mean of the token',
    origin: 'derived: layernorm2d and rmsnorm2d share signatures in AITER',
    evidence: 'derived',
    remedy: 'Call the RMSNorm kernel.',
    hiddenBy: 'rows with mean 0',
    variants: singleVariant((call) => withSource(call, centred)),
  },
  {
    id: 'norm-over-part',
    title: 'the mean square is taken over other elements than those of the row',
    family: 'arithmetic',
    ops: NORMS,
    symptom: 'scales off by factors of their own for each token or group',
    origin: 'derived: a norm per head (q_norm) in place of one per row, or rows and columns exchanged',
    evidence: 'derived',
    remedy: 'Normalise over the last dimension, the whole hidden size.',
    hiddenBy: 'rows whose parts have the same mean square',
    variants: overPart,
  },
  {
    id: 'norm-skipped',
    title: 'rows are multiplied by the weight without being normalised',
    family: 'arithmetic',
    ops: NORMS,
    symptom: 'scales off by one factor a token; codes are right',
    origin: 'derived: input that is taken for normalised already',
    evidence: 'derived',
    remedy: 'Normalise before the quantisation, or drop the fused norm from the kernel call.',
    hiddenBy: 'rows whose mean square is 1',
    variants: singleVariant((call) => withSource(call, ({ x, weight, columns }) => times(x, weight, columns))),
  },
  {
    id: 'norm-residual-dropped',
    title: 'the residual is not added',
    family: 'arithmetic',
    ops: NORMS,
    symptom: 'the residual stream forgets everything before this layer: res_out is x',
    origin: 'derived: rmsnorm_quant called for add_rmsnorm_quant in AITER',
    evidence: 'derived',
    remedy: 'Pass the residual (res1, residual_in), and use the residual that comes back.',
    hiddenBy: 'a residual of zeros, as in the first layer of some models',
    variants: singleVariant((call) => {
      const { r } = call.operands;
      if (r === undefined) return undefined;
      return { ...call, operands: { ...call.operands, r: { ...r, bytes: new Uint8Array(r.bytes.length) } } };
    }),
  },
  {
    id: 'norm-residual-after',
    title: 'the residual is added, but not to what is normalised',
    family: 'arithmetic',
    ops: NORMS,
    symptom: 'res_out is right, codes and scales are not',
    origin: 'derived: the sum is stored and x, still in registers, is normalised',
    evidence: 'derived',
    remedy: 'Normalise the sum, before it is rounded for res_out.',
    hiddenBy: 'a residual of zeros',
    variants: (call) => {
      const { r, x } = call.operands;
      if (r === undefined || x === undefined) return [];
      const alone = (source: RmsNorm): Float32Array => rmsNorm({ ...source, x: floatValues(x) });
      const residual = floatValues(r);
      return [
        { detail: 'x alone is normalised', make: () => withSource(call, alone) },
        {
          detail: 'it is added after the norm',
          make: () =>
            withSource(call, (source) => alone(source).map((value, index) => value + (residual[index] as number))),
        },
      ];
    },
  },
  {
    id: 'norm-residual-out',
    title: 'res_out holds another tensor than the sum of x and the residual',
    family: 'output',
    ops: NORMS,
    symptom: 'codes and scales are right, the residual stream is not',
    origin:
      'derived: res_out is written before the addition, or the results of a kernel with four outputs are unpacked in another order',
    evidence: 'derived',
    remedy: 'Unpack (q, scale), y1, y2, res_out in this order, and store the sum.',
    hiddenBy: 'a residual of zeros',
    variants: residualOut,
  },
  {
    id: 'norm-rounded-between',
    title: 'the sum or the norm is rounded to the type of x before the quantisation',
    family: 'arithmetic',
    ops: NORMS,
    symptom: 'a few codes one off, scales in the third digit',
    origin: 'derived: separate kernels for add, norm and quantisation pass bf16; the fused ones pass float32',
    evidence: 'derived',
    remedy: 'Compare with the arithmetic of the kernels that ran; neither is wrong.',
    hiddenBy: 'f32 inputs',
    variants: roundedBetween,
  },
  {
    id: 'norm-residual-rounding',
    title: 'res_out is cut off to bf16 where it is rounded, or the other way round',
    family: 'arithmetic',
    ops: ['add_rmsnorm_quant'],
    symptom: 'half of res_out one unit too small in magnitude: a bias of half a unit for each layer',
    origin: 'derived: AITER compiles add_rmsnorm_quant with truncation on gfx942',
    evidence: 'derived',
    remedy: 'Compare with residualRounding of the device; build with rounding to nearest where accuracy suffers.',
    hiddenBy: 'sums that are exact in bf16',
    variants: singleVariant((call) => {
      const { residualRounding: own } = call.params as { readonly residualRounding?: string };
      if (call.operands['r'] === undefined || (call.operands['x']?.type !== 'bf16' && own !== 'truncate'))
        return undefined;
      const residualRounding = own === 'truncate' ? 'nearest-even' : 'truncate';
      return { ...call, params: { ...call.params, residualRounding } };
    }),
  },
];

function gemma({ params }: KernelCall): boolean {
  return (params as { readonly gemmaNorm?: boolean }).gemmaNorm === true;
}

function withWeight(call: KernelCall, change: (weight: number) => number): MistakenCall {
  return withSource(call, (source) => rmsNorm({ ...source, weight: source.weight.map(change) }));
}

function withEps(call: KernelCall, eps: number): Variant {
  return { detail: String(eps), make: () => ({ ...call, params: { ...call.params, eps } }) };
}

function overPart(call: KernelCall): readonly Variant[] {
  const { rows, columns } = sourceOf(call);
  const ones = (length: number): Float32Array => new Float32Array(length).fill(1);
  const groups = [128, 64].filter((size) => columns % size === 0 && size < columns);
  return [
    ...groups.map((size) => ({
      detail: `each ${size} elements by themselves`,
      make: () =>
        withSource(call, (source) => {
          const parts = { ...source, rows: (rows * columns) / size, columns: size, weight: ones(size) };
          return times(rmsNorm(parts), source.weight, columns);
        }),
    })),
    {
      detail: 'columns instead of rows',
      make: () =>
        withSource(call, (source) => {
          const { x, weight, eps } = source;
          const across = transposed(x, rows, columns);
          const normed = rmsNorm({ rows: columns, columns: rows, x: across, weight: ones(rows), eps });
          return times(transposed(normed, columns, rows), weight, columns);
        }),
    },
    {
      detail: 'all rows together',
      make: () =>
        withSource(call, (source) => {
          const { x, weight, eps } = source;
          const length = rows * columns;
          return times(rmsNorm({ rows: 1, columns: length, x, weight: ones(length), eps }), weight, columns);
        }),
    },
  ];
}

function residualOut(call: KernelCall): readonly Variant[] {
  const { x, r } = call.operands;
  if (x === undefined || r === undefined) return [];
  const instead = (from: () => Uint8Array) => (): MistakenCall => ({
    ...call,
    finish: (outputs) => withOutput(outputs, 'res_out', (given) => ({ ...given, bytes: from() })),
  });
  return [
    { detail: 'x', make: instead(() => x.bytes) },
    { detail: 'the residual as it came in', make: instead(() => r.bytes) },
    {
      detail: 'the normalised rows',
      make: instead(() => asBytes(encodeArray(x.type as FloatSource, quantisationOf(call).values))),
    },
  ];
}

function roundedBetween(call: KernelCall): readonly Variant[] {
  const type = call.operands['x']?.type;
  if (type !== 'bf16' && type !== 'f16') return [];
  const rounded = (values: Float32Array): Float32Array =>
    floatValues(tensorFrom('rounded', type, [values.length], encodeArray(type, values)));
  const sum = (source: RmsNorm): RmsNorm => ({ ...source, x: rounded(source.x) });
  const both: Variant = { detail: 'both', make: () => withSource(call, (source) => rounded(rmsNorm(sum(source)))) };
  const norm: Variant = { detail: 'the norm', make: () => withSource(call, (source) => rounded(rmsNorm(source))) };
  if (call.operands['r'] === undefined) return [norm];
  return [{ detail: 'the sum', make: () => withSource(call, (source) => rmsNorm(sum(source))) }, norm, both];
}
