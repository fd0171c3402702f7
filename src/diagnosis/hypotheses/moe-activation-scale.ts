import { decodeTable } from '../../formats/decode.ts';
import { columnMajor, rowMajor } from '../../layout/plain.ts';
import { shuffleScale } from '../../layout/scales.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import type { UncertainInput } from '../../ops/shared/moe-input.ts';
import { MX_BLOCK } from '../../ops/shared/moe-operands.ts';
import { firstStage, secondStage } from '../../ops/shared/moe-stages.ts';
import { readAs, storedIn, toRowMajor } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Hypothesis, MistakenCall, OutputWindow } from '../hypothesis.ts';
import { withSteps } from '../moe-steps.ts';
import { withData } from './moe-call.ts';

const OPS = ['moe_stage1_mxfp4', 'moe_stage2_mxfp4'] as const;

/** A byte of 1 as an exponent. */
const ONE = 127;

/** One way to read other scale bytes than the right ones. */
interface Way {
  readonly detail: string;
  /** @param bytes [rows, groups] in row-major order */
  readonly bytes: (scale: Scale) => Uint8Array;
}

/** Scales of activations as a matrix, whatever rank they have. */
interface Scale {
  readonly name: 'x_scale' | 'h_scale';
  readonly tensor: Tensor;
  readonly bytes: Uint8Array;
  readonly rows: number;
  readonly groups: number;
}

/** Mistakes with the scales of activations that come quantised. */
export const MOE_ACTIVATION_SCALE_HYPOTHESES: readonly Hypothesis[] = [
  hypothesis(
    {
      id: 'moe-activation-scale-dropped',
      title: 'the scales of the activations are not applied: all are 1',
      family: 'number format',
      symptom: 'elements far too large, each token by a factor of its own',
      origin: 'derived: a_scale_one kernels of FlyDSL in AITER feed 0x7F for every scale',
      remedy: 'Pass a1_scale (a2_scale) to the kernel, and check that its name lacks a_scale_one.',
      hiddenBy: 'scales of 1',
    },
    [{ detail: '', bytes: ({ bytes }) => bytes.map(() => ONE) }],
  ),
  hypothesis(
    {
      id: 'moe-activation-scale-shifted',
      title: 'the scales of the activations are read beside where they lie',
      family: 'scale layout',
      symptom: 'garbage of the right size; blocks whose neighbours have the same scale are right',
      origin: 'derived: an offset of a block or of a row in the address of the scale',
      remedy: 'Read the scale of element [t, k] at [t, k // 32].',
      hiddenBy: 'neighbouring scales that are equal',
    },
    [
      { detail: 'one block on', bytes: ({ bytes }) => moved(bytes, 1) },
      { detail: 'one block back', bytes: ({ bytes }) => moved(bytes, -1) },
      { detail: 'one row on', bytes: ({ bytes, groups }) => moved(bytes, groups) },
      { detail: 'one row back', bytes: ({ bytes, groups }) => moved(bytes, -groups) },
      {
        detail: 'the first row for all',
        bytes: ({ bytes, groups }) => bytes.map((_, at) => bytes[at % groups] as number),
      },
    ],
  ),
  hypothesis(
    {
      id: 'moe-activation-scale-layout',
      title: 'the scales of the activations are stored in another order than they are read',
      family: 'scale layout',
      symptom: 'garbage of the right size; the first block of the first token is right',
      origin:
        'derived: AITER stores them shuffled by sorted row (mx_scale_shuffle_idx) with shuffle=True, column by column elsewhere',
      remedy:
        'Take the scale layout that the kernel reads from its quantiser: shuffle=True or False, transposed or not.',
      hiddenBy: 'scales that are all alike; a single block a row',
    },
    [
      {
        detail: 'row by row, read column by column',
        bytes: ({ tensor, bytes, rows, groups }) =>
          toRowMajor(readAs(matrix(tensor, bytes, rows, groups), columnMajor([rows, groups]))).bytes,
      },
      {
        detail: 'column by column, read row by row',
        bytes: ({ tensor, bytes, rows, groups }) =>
          storedIn(matrix(tensor, bytes, rows, groups), columnMajor([rows, groups])).bytes,
      },
      {
        detail: 'shuffled, read row by row',
        bytes: ({ tensor, bytes, rows, groups }) =>
          storedIn(matrix(tensor, bytes, rows, groups), shuffleScale([rows, groups]), ONE).bytes.subarray(
            0,
            bytes.length,
          ),
      },
      {
        detail: 'row by row, read as shuffled',
        bytes: ({ tensor, bytes, rows, groups }) =>
          toRowMajor(readAs(matrix(tensor, bytes, rows, groups), shuffleScale([rows, groups]))).bytes,
      },
    ],
  ),
  {
    id: 'moe-activation-scale-block',
    title: 'the scales of the activations are taken for blocks of another size',
    family: 'scale layout',
    ops: OPS,
    symptom: 'the first block of each row is right, or the first half of it; the rest has scales of another block',
    origin: 'derived: blocks of 16 (NVFP4) and of 128 (fp8 per_1x128) beside those of 32 (MX)',
    evidence: 'derived',
    remedy: 'Divide the column by 32 for the scale: QuantType.per_1x32.',
    hiddenBy: 'neighbouring scales that are equal',
    variants: (call) => {
      const scale = scaleOf(call);
      if (scale === undefined) return [];
      return [16, 64, 128].map((block) => ({
        detail: `blocks of ${block}`,
        make: () => inBlocksOf(call, scale, block),
      }));
    },
  },
];

function hypothesis(text: Omit<Hypothesis, 'ops' | 'evidence' | 'variants'>, ways: readonly Way[]): Hypothesis {
  return {
    ...text,
    ops: OPS,
    evidence: 'derived',
    variants: (call) => {
      const scale = scaleOf(call);
      if (scale === undefined) return [];
      return ways.map(({ detail, bytes }) => ({ detail, make: () => withData(call, scale.name, bytes(scale)) }));
    },
  };
}

/** Undefined in scheme a16w4, which has none. */
function scaleOf({ op, operands }: KernelCall): Scale | undefined {
  const name = op === 'moe_stage1_mxfp4' ? 'x_scale' : 'h_scale';
  const given = operands[name];
  if (given === undefined) return undefined;
  const groups = given.layout.shape.at(-1) ?? 1;
  return { name, tensor: given, bytes: given.bytes, rows: given.layout.size / groups, groups };
}

function matrix(given: Tensor, bytes: Uint8Array, rows: number, groups: number): Tensor {
  return { ...given, layout: rowMajor([rows, groups]), bytes };
}

/** Bytes from so many places on, round the end. */
function moved(bytes: Uint8Array, by: number): Uint8Array {
  const { length } = bytes;
  return bytes.map((_, at) => bytes[(((at + by) % length) + length) % length] as number);
}

/** Scale of element [row, k] at `row * groups + k // block` of all scales, those of later rows included; 1 beyond the end. */
function inBlocksOf(call: KernelCall, { bytes, rows, groups }: Scale, block: number): MistakenCall {
  const exponents = decodeTable('e8m0');
  const topk = call.op === 'moe_stage1_mxfp4' ? 1 : rows / (call.operands['h']?.layout.shape[0] ?? 1);
  const reread = (input: UncertainInput, cut: KernelCall, window: OutputWindow): UncertainInput => {
    const columns = groups * MX_BLOCK;
    const right = scaleOf(cut)?.bytes ?? new Uint8Array();
    const values = input.values.map((value, at) => {
      const row = Math.floor(at / columns);
      const whole = (window.rows[Math.floor(row / topk)] as number) * topk + (row % topk);
      const wrong = exponents[bytes[whole * groups + Math.floor((at % columns) / block)] ?? ONE] as number;
      return (value / (exponents[right[Math.floor(at / MX_BLOCK)] as number] as number)) * wrong;
    });
    return { ...input, values };
  };
  return {
    ...call,
    compute: (cut, window) =>
      withSteps({
        first: (stage) =>
          firstStage({ ...stage, product: { ...stage.product, input: reread(stage.product.input, cut, window) } }),
        second: (stage) =>
          secondStage({ ...stage, product: { ...stage.product, input: reread(stage.product.input, cut, window) } }),
      })(cut),
  };
}
