import { shuffleScale, shuffleScaleGuinterleave } from '../../layout/catalog.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { tensor } from '../../tensor/make.ts';
import { storedIn, toRowMajor } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Hypothesis, Variant } from '../hypothesis.ts';
import { changing, FP4, gemmOperands, withOperands } from './gemm-calls.ts';
import { blocksReadAt, bytesReadAs, fromRows } from './gemm-moves.ts';
import { SCALES, scalePower } from './gemm-scale-values.ts';

const EQUAL = 'scales that are equal or change slowly: use at least three exponents in an asymmetric pattern';
const SHUFFLE =
  'Call shuffle_scale (e8m0_shuffle) on the scales, [rows, K / 32] bytes, exactly once when the weight is loaded.';

/** Rows that `shuffle_scale` stores together. */
const SLAB = 32;

/** Mistakes with the e8m0 scales of fp4 multiplications. */
export const GEMM_E8M0_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'e8m0-scale-plain',
    title: 'e8m0 scales that were not shuffled go to a kernel that reads shuffled ones',
    family: 'scale layout',
    ops: [FP4],
    symptom: 'finite garbage; blocks of 32 off by powers of two',
    origin: 'vLLM #54773; FlashInfer #4093: the flag for the order of the scales',
    evidence: 'reported',
    remedy: SHUFFLE,
    hiddenBy: EQUAL,
    variants: (call) =>
      eachScale(call, (given) => [
        { detail: 'rows one after another', change: () => bytesReadAs(given, toRowMajor(given).bytes) },
        { detail: 'padded to 256 rows and 8 columns', change: () => bytesReadAs(given, padded(given).bytes) },
      ]),
  },
  {
    id: 'e8m0-scale-read-plain',
    title: 'shuffled e8m0 scales are taken for plain ones, by a kernel or by a second shuffle',
    family: 'scale layout',
    ops: [FP4],
    symptom: 'finite garbage; blocks of 32 off by powers of two',
    origin:
      'vLLM #54773; FlashInfer #4093: the flag for the order of the scales; derived: shuffle_scale of AITER takes its own result',
    evidence: 'reported',
    remedy:
      'Leave shuffle_scale out for kernels without preshuffle (Triton gemm_afp4wfp4), or pick the bpreshuffle kernel.',
    hiddenBy: EQUAL,
    variants: (call) =>
      eachScale(call, (given) => [
        { detail: 'rows of K / 32 bytes', change: () => readRows(given, given.layout.shape[1] ?? 0) },
        { detail: 'rows padded to 8 bytes', change: () => readRows(given, pitchOf(given)) },
      ]),
  },
  {
    id: 'e8m0-scale-guinterleaved',
    title: 'scales of a gate_up weight are shuffled with is_guinterleave for a kernel that reads gate and up separated',
    family: 'scale layout',
    ops: [FP4],
    symptom: 'output columns off by powers of two, in blocks of 16; the first and the last block are right',
    origin: 'ATOM #632: a16w4 shuffle for an a4w4 kernel; SGLang PR 26884',
    evidence: 'reported',
    remedy: 'Call shuffle_scale without is_guinterleave (shuffle_scale_a16w4 sets it), as for the weight.',
    hiddenBy: EQUAL,
    variants: (call) => [
      {
        detail: '',
        make: () =>
          changing(call, 'w_scale', (scale) => {
            const layout = shuffleScaleGuinterleave(scale.layout.shape, { experts: 1, gateUp: true });
            return bytesReadAs(scale, storedIn(scale, layout, 0x7f).bytes);
          }),
      },
    ],
  },
  {
    id: 'e8m0-scale-pitch-unpadded',
    title: 'a kernel takes the rows of shuffled scales for K / 32 bytes, without the padding to 8',
    family: 'sharding and padding',
    ops: [FP4],
    symptom: 'right in the first 32 rows, garbage or zeros in the others; all right where K is a multiple of 256',
    origin: 'AITER #3476: K = 2880 has 90 groups, which are stored as 96',
    evidence: 'reported',
    remedy: 'Pass the padded shape of the scales to the kernel: their columns come in multiples of 8.',
    hiddenBy: 'K that is a multiple of 256, or at most 32 rows',
    variants: (call) =>
      eachScale(call, (given) => {
        const [rows = 0, groups = 0] = given.layout.shape;
        if (groups % 8 === 0 || rows <= SLAB) return [];
        return [{ detail: '', change: () => blocksReadAt(given, SLAB * pitchOf(given), SLAB * groups) }];
      }),
  },
  {
    id: 'e8m0-bias-off-by-one',
    title: 'exponents are taken with another bias than 127',
    family: 'number format',
    ops: [FP4],
    symptom: 'every output exactly half or twice, a quarter or four times',
    origin: 'derived: OCP MX v1.0, e8m0 has bias 127; 128 counts codes from the middle',
    evidence: 'derived',
    remedy: 'Decode a scale byte b as 2^(b - 127), and as 2^-127 for 0.',
    hiddenBy: 'nothing but outputs of zero; one operand looks like the other',
    variants: (call) =>
      [-1, 1].flatMap((by) => [
        {
          detail: `${127 - by}, in one operand`,
          make: () => changing(call, 'w_scale', (scale) => scalePower(scale, 1, by)),
        },
        {
          detail: `${127 - by}, in both`,
          make: () =>
            withOperands(call, {
              x_scale: scalePower(gemmOperands(call).x_scale, 1, by),
              w_scale: scalePower(gemmOperands(call).w_scale, 1, by),
            }),
        },
      ]),
  },
];

interface Way {
  readonly detail: string;
  change(): Tensor;
}

function eachScale(call: KernelCall, ways: (given: Tensor) => readonly Way[]): readonly Variant[] {
  return SCALES.flatMap(({ name, detail }) =>
    ways(gemmOperands(call)[name]).map((way) => ({
      detail: way.detail === '' ? detail : `${detail}, ${way.detail}`,
      make: () => changing(call, name, way.change),
    })),
  );
}

function storedShape({ layout }: Tensor): readonly number[] {
  return layout.dims.map(({ padded: size }) => size);
}

/** Columns of the scales in storage. */
function pitchOf(scale: Tensor): number {
  return storedShape(scale)[1] ?? 0;
}

/** The scales in rows of the padded shape. */
function padded(scale: Tensor): Tensor {
  const shape = storedShape(scale);
  return toRowMajor(tensor(scale.name, 'e8m0', shuffleScale(shape), scale.bytes));
}

/** What a kernel finds that reads rows of `pitch` bytes, in the layout of the scale. */
function readRows(scale: Tensor, pitch: number): Tensor {
  const [rows = 0, groups = 0] = scale.layout.shape;
  const read = new Uint8Array(rows * groups);
  for (let row = 0; row < rows; row += 1)
    read.set(scale.bytes.subarray(row * pitch, row * pitch + groups), row * groups);
  return fromRows(scale, read);
}
