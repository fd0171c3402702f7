import { decodeArray } from '../../formats/decode.ts';
import { encodeArray } from '../../formats/encode.ts';
import type { KernelCall, NamedTensors } from '../../ops/kernel-call.ts';
import { type BlockScaledProduct, COMBINE, multiply } from '../../ops/shared/block-scale-math.ts';
import type { Hypothesis } from '../hypothesis.ts';
import { BPRESHUFFLE, FP4, FP8_GEMMS, GEMMS, gemmOutputOf, gemmProduct, gemmSizes, PLAIN, PTPC } from './gemm-calls.ts';

/** Largest number of half precision. */
const F16_MAX = 65504;

/** Mistakes with sums and roundings. */
export const GEMM_ARITHMETIC_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'f16-accumulator',
    title: 'products are summed in half precision, which overflows above 65504',
    family: 'arithmetic',
    // Products of fp4 codes are too small.
    ops: FP8_GEMMS,
    symptom: 'infinities where many large codes meet, small errors elsewhere',
    origin: 'ONNX Runtime issue 26732',
    evidence: 'reported',
    remedy: 'Accumulate in float32 (accuracy level, accumulator type of the kernel), and convert after the scales.',
    hiddenBy: 'codes so small that no sum of a block comes near 65504',
    variants: (call) => [{ detail: '', make: () => ({ ...call, compute: overflowing }) }],
  },
  {
    id: 'output-through-f16',
    title: 'the result goes through half precision before it is written',
    family: 'arithmetic',
    ops: GEMMS,
    symptom: 'infinities where outputs exceed 65504, zeros where they are below 2^-25',
    origin: 'ONNX Runtime issue 26732; derived: epilogues that convert to float16 whatever the output type',
    evidence: 'derived',
    remedy: 'Convert the float32 accumulator straight to the type of the output, or scale activations down.',
    hiddenBy: 'outputs between 2^-14 and 65504',
    variants: (call) =>
      outputType(call) === 'f16' ? [] : [{ detail: '', make: () => ({ ...call, compute: (cut) => throughHalf(cut) }) }],
  },
  {
    id: 'bf16-truncated',
    title: 'results are cut off to bf16 instead of rounded',
    family: 'arithmetic',
    ops: GEMMS,
    symptom: 'half of the outputs one unit in the last place closer to zero',
    origin: 'derived: fp8 assembly kernels of AITER for gfx950; module_rmsnorm_quant on gfx942 does so, too',
    evidence: 'derived',
    remedy: "Expect it of these kernels (rounding: 'truncate'), or convert with round to nearest even.",
    hiddenBy: 'outputs that bf16 holds exactly',
    variants: (call) =>
      outputType(call) !== 'bf16' || roundingOf(call) === 'truncate'
        ? []
        : [{ detail: '', make: () => ({ ...call, compute: truncated }) }],
  },
  {
    id: 'bf16-rounded',
    title: 'results are rounded to nearest where the call says that they are cut off',
    family: 'arithmetic',
    ops: [PLAIN, BPRESHUFFLE, PTPC, FP4],
    symptom: 'half of the outputs one unit in the last place further from zero',
    origin: 'derived: CK kernels round to nearest even where assembly kernels of AITER truncate',
    evidence: 'derived',
    remedy: "Describe the kernel with rounding: 'nearest-even', the default.",
    hiddenBy: 'outputs that bf16 holds exactly',
    variants: (call) =>
      roundingOf(call) === 'truncate'
        ? [{ detail: '', make: () => ({ ...call, params: { ...call.params, rounding: 'nearest-even' } }) }]
        : [],
  },
  {
    id: 'split-k-bf16-sums',
    title: 'partial sums of a K that is split are added in bf16',
    family: 'arithmetic',
    ops: GEMMS,
    symptom: 'last bits differ, more where parts cancel, and from run to run with more than two parts',
    origin: 'derived: AITER adds the parts of split K with 16-bit atomics (splitK of its tuned tables)',
    evidence: 'derived',
    remedy: 'Nothing is wrong where the error is below a unit in the last place; for runs that repeat take splitK = 0.',
    hiddenBy: 'kernels without split K; small K',
    variants: (call) => {
      const { K } = gemmSizes(call);
      if (outputType(call) !== 'bf16') return [];
      return [2, 4, 8]
        .filter((splits) => partOf(K, splits) * (splits - 1) < K)
        .map((splits) => ({
          detail: `${splits} parts`,
          make: () => ({ ...call, compute: (cut: KernelCall) => sumOfParts(cut, splits) }),
        }));
    },
  },
];

function outputType({ params }: KernelCall): string {
  return (params as { readonly out?: string }).out ?? 'bf16';
}

function roundingOf({ params }: KernelCall): string {
  return (params as { readonly rounding?: string }).rounding ?? 'nearest-even';
}

/** The exact product, with an infinity for each block whose running sum leaves half precision. */
function overflowing(call: KernelCall): NamedTensors {
  const product = gemmProduct(call);
  const { M, N, K, blockN, blockK, x, w, xScale, wScale } = product;
  const groups = Math.ceil(K / blockK);
  const y = new Float64Array(M * N);
  for (let m = 0; m < M; m += 1) {
    for (let n = 0; n < N; n += 1) {
      let total = 0;
      for (let g = 0; g < groups; g += 1) {
        const end = Math.min(K, (g + 1) * blockK);
        let dot = 0;
        let limit = 0;
        for (let k = g * blockK; k < end; k += 1) {
          dot += (x[m * K + k] as number) * (w[n * K + k] as number);
          if (limit === 0 && Math.abs(dot) > F16_MAX) limit = Math.sign(dot) * Number.POSITIVE_INFINITY;
        }
        const row = Math.floor(n / blockN) * groups + g;
        total += (limit === 0 ? dot : limit) * ((xScale[m * groups + g] as number) * (wScale[row] as number));
      }
      y[m * N + n] = total;
    }
  }
  return gemmOutputOf(call, y);
}

function throughHalf(call: KernelCall): NamedTensors {
  const codes = encodeArray('f16', multiply(gemmProduct(call), COMBINE.exact));
  return gemmOutputOf(call, Float64Array.from(decodeArray('f16', codes)));
}

function truncated(call: KernelCall): NamedTensors {
  return gemmOutputOf(call, multiply(gemmProduct(call), COMBINE.exact), 'truncate');
}

/** Columns of a part: AITER rounds up to whole blocks of 128. */
function partOf(K: number, splits: number): number {
  return 128 * Math.ceil(Math.ceil(K / splits) / 128);
}

function sumOfParts(call: KernelCall, splits: number): NamedTensors {
  const product = gemmProduct(call);
  const part = partOf(product.K, splits);
  let sum: Float64Array = new Float64Array(product.M * product.N);
  for (let start = 0; start < product.K; start += part) {
    const values = multiply(keeping(product, start, start + part), COMBINE.exact);
    const rounded = inBf16(values);
    sum = inBf16(sum.map((total, at) => total + (rounded[at] as number)));
  }
  return gemmOutputOf(call, sum);
}

/** The product of columns `start` to `end` only. */
function keeping(product: BlockScaledProduct, start: number, end: number): BlockScaledProduct {
  const x = product.x.map((value, at) => (at % product.K >= start && at % product.K < end ? value : 0));
  return { ...product, x };
}

function inBf16(values: Float64Array): Float64Array {
  return Float64Array.from(decodeArray('bf16', encodeArray('bf16', values)));
}
