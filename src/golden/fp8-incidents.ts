import { OperandError } from '../errors.ts';
import { ceilToUe8m0 } from '../formats/mx-scale.ts';
import { scaleTransposedView } from '../layout/activation-scale.ts';
import { shuffleWeight } from '../layout/catalog.ts';
import type { Layout } from '../layout/layout.ts';
import { rowMajor } from '../layout/plain.ts';
import { asBytes } from '../tensor/make.ts';
import { readAs, storedIn } from '../tensor/relayout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asF32 } from '../tensor/views.ts';
import type { Incident } from './incident.ts';

type Operands = Readonly<Record<string, Tensor>>;

const BPRESHUFFLE = 'gemm_a8w8_blockscale_bpreshuffle';
const PLAIN = 'gemm_a8w8_blockscale';

/** Mistakes with weights and scales of FP8 multiplications. */
export const FP8_INCIDENTS: readonly Incident[] = [
  {
    id: 'scale-transposed-twice',
    title: 'the activation scale is transposed a second time',
    ops: [BPRESHUFFLE],
    symptom: 'right with one token, finite garbage with more; mean and maximum of the scales are unchanged',
    origin: 'SGLang PR 24476 (first revision), PR 31490',
    misread: (operands) => replace(operands, 'x_scale', (s) => readAs(transposedAgain(s), s.layout)),
  },
  {
    id: 'scale-not-transposed',
    title: 'a row-major activation scale goes to a kernel that reads column by column',
    ops: [BPRESHUFFLE],
    symptom: 'right with one token, finite garbage with more',
    origin: 'SGLang PR 23319, before the copy was added',
    misread: (operands) => replace(operands, 'x_scale', (s) => readAs(storedIn(s, rowMajor(s.layout.shape)), s.layout)),
  },
  {
    id: 'scale-transposed-read-row-major',
    title: 'a transposed view goes to a kernel that reads rows',
    ops: [PLAIN],
    symptom: 'right with one token, finite garbage with more',
    origin: 'SGLang PR 31490, 31727: DeepSeek-V4-Flash, GSM8K .925 to .912',
    misread: (operands) =>
      replace(operands, 'x_scale', (s) => readAs(storedIn(s, scaleTransposedView(s.layout.shape)), s.layout)),
  },
  {
    id: 'weight-shuffled-read-plain',
    title: 'a shuffled weight goes to a kernel that reads plain ones',
    ops: [PLAIN],
    symptom: 'finite garbage for every number of tokens',
    origin: 'SGLang PR 26884: is_shuffled was lost, and a kernel without preshuffle was picked',
    misread: (operands) => replace(operands, 'w', (w) => readAs(storedIn(w, shuffled(w)), w.layout)),
  },
  {
    id: 'weight-plain-read-shuffled',
    title: 'a plain weight goes to a kernel that reads shuffled ones',
    ops: [BPRESHUFFLE, 'gemm_a8w8_bpreshuffle'],
    symptom: 'finite garbage for every number of tokens',
    origin: 'SGLang: the table of shapes answered differently at load and at run time',
    misread: (operands) => replace(operands, 'w', (w) => readAs(storedIn(w, rowMajor(w.layout.shape)), w.layout)),
  },
  {
    id: 'weight-shuffled-twice',
    title: 'a weight is shuffled when it is loaded again',
    ops: [BPRESHUFFLE, 'gemm_a8w8_bpreshuffle'],
    symptom: 'finite garbage; some shapes hide it, because the shuffle brings them back after two rounds',
    origin: 'SGLang issue 28963: weights updated in place',
    misread: (operands) =>
      replace(operands, 'w', (w) => readAs(storedIn(readAs(w, rowMajor(w.layout.shape)), shuffled(w)), w.layout)),
  },
  {
    id: 'weight-tile-32',
    title: 'a weight shuffled for older assembly kernels, tiles of 32 rows, is read with tiles of 16',
    ops: [BPRESHUFFLE],
    symptom: 'pieces of 16 bytes change rows and columns within blocks of 32 rows',
    origin: 'AITER issue 671',
    misread: (operands) =>
      replace(operands, 'w', (w) =>
        readAs(storedIn(w, shuffleWeight(w.layout.shape, { bits: 8, tile: [32, 16] })), w.layout),
      ),
  },
  {
    id: 'scale-dropped',
    title: 'the codes arrive without their scale',
    ops: [BPRESHUFFLE, PLAIN, 'gemm_a8w8_bpreshuffle'],
    symptom: 'every token off by a factor of its own',
    origin: 'SGLang PR 21403: an early return handed on the codes and dropped the pair',
    misread: (operands) =>
      replace(operands, 'x_scale', (s) => ({ ...s, bytes: asBytes(new Float32Array(s.bytes.byteLength / 4).fill(1)) })),
  },
  {
    id: 'scale-truncated-to-ue8m0',
    title: 'float32 weight scales lose their mantissa where UE8M0 is read, without requantisation',
    ops: [PLAIN],
    symptom: 'each 128x128 block too small by a factor between 1 and 2: the cosine stays high',
    origin: 'SGLang issue 25733: scales must be rounded up, and codes requantised with them',
    misread: (operands) => replace(operands, 'w_scale', (s) => mapped(s, truncatedToPower)),
  },
  {
    id: 'scale-ceiled-without-requant',
    title: 'weight scales are rounded up to powers of two and the codes stay',
    ops: [PLAIN],
    symptom: 'each 128x128 block too large by a factor between 1 and 2',
    origin: 'SGLang PR 22300: format_ue8m0 set without requantisation',
    misread: (operands) => replace(operands, 'w_scale', (s) => mapped(s, ceilToUe8m0)),
  },
  {
    id: 'float-scale-read-as-ue8m0',
    title: 'the bits of a float32 scale are read as four packed exponents',
    ops: ['fp8_gemm_nt'],
    symptom: 'infinities, zeros and NaN: accuracy 0',
    origin: 'SGLang PR 22300: TRTLLM with DeepGEMM switched off',
    misread: (operands) => replace(operands, 'w_scale', floatBitsAsExponents),
  },
  {
    id: 'ue8m0-read-as-float-scale',
    title: 'four packed exponents are read as a float32 scale',
    ops: ['fp8_gemm_nt'],
    symptom: 'results near the largest float or infinite; zeros where the fourth exponent of a word is missing',
    origin: 'SGLang issue 26306: answers of exclamation marks',
    misread: (operands) => replace(operands, 'w_scale', exponentsAsFloat),
  },
  {
    id: 'fn-read-as-fnuz',
    title: 'e4m3fn weights are multiplied as e4m3fnuz without doubling the scale',
    ops: [PLAIN],
    symptom: 'every output exactly half',
    origin: 'gfx942 with a checkpoint that was never normalised',
    misread: (operands) => replace(operands, 'w_scale', (s) => mapped(s, (value) => value / 2)),
  },
];

function replace(operands: Operands, name: string, change: (given: Tensor) => Tensor): Operands {
  const given = operands[name];
  if (given === undefined) throw new OperandError('incident', name, 'missing: this incident happens to it.');
  return { ...operands, [name]: change(given) };
}

function shuffled({ layout }: Tensor): Layout {
  return shuffleWeight(layout.shape, { bits: 8 });
}

/** `s.transpose(-1, -2).contiguous().view(*s.shape)` of a transposed view, which takes its bytes for rows. */
function transposedAgain(scale: Tensor): Tensor {
  const { shape } = scale.layout;
  return storedIn(readAs(scale, rowMajor(shape)), scaleTransposedView(shape));
}

function mapped(scale: Tensor, change: (value: number) => number): Tensor {
  return { ...scale, bytes: asBytes(asF32(scale).map(change)) };
}

function truncatedToPower(value: number): number {
  return 2 ** Math.floor(Math.log2(value));
}

/** Float scales [ceil(N / 128), G]: the kernel takes the bytes of each for the exponents of four groups. */
function floatBitsAsExponents(scale: Tensor): Tensor {
  const [, groups = 0] = scale.layout.shape;
  const bytes = scale.bytes;
  const out = new Float32Array(asF32(scale).length);
  for (let at = 0; at < out.length; at += 1) {
    const [row, group] = [Math.floor(at / groups), at % groups];
    // One word holds four groups, so the words of a row are read up to G / 4.
    const byte = (row * groups + Math.floor(group / 4)) * 4 + (group % 4);
    out[at] = e8m0(bytes[byte] ?? 0);
  }
  return { ...scale, bytes: asBytes(out) };
}

/** Float scales that are powers of two, packed four a word in groups of their row, and the word read as a float. */
function exponentsAsFloat(scale: Tensor): Tensor {
  const [, groups = 0] = scale.layout.shape;
  const values = asF32(scale);
  const words = new Uint32Array(values.length);
  for (let at = 0; at < words.length; at += 1) {
    const [row, group] = [Math.floor(at / groups), at % groups];
    for (let byte = 0; byte < 4; byte += 1) {
      const source = Math.floor(group / 4) * 4 + byte;
      if (source >= groups) continue;
      const exponent = Math.log2(ceilToUe8m0(values[row * groups + source] as number)) + 127;
      words[at] = (words[at] as number) | (exponent << (8 * byte));
    }
  }
  return { ...scale, bytes: asBytes(words) };
}

function e8m0(byte: number): number {
  return byte === 0 ? 0 : byte === 255 ? Number.POSITIVE_INFINITY : 2 ** (byte - 127);
}
