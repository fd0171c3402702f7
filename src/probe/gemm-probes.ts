import { scaleTmaAligned, scaleTransposedView } from '../layout/activation-scale.ts';
import { shuffleScale } from '../layout/scales.ts';
import { shuffleWeight } from '../layout/weights.ts';
import type { NamedTensors } from '../ops/kernel-call.ts';
import { tensorFrom } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asF32 } from '../tensor/views.ts';
import {
  activationValues,
  coded,
  e8m0Scales,
  f32Scales,
  packedScales,
  padded,
  saltOf,
  weightValues,
} from './operands.ts';
import type { OpProbe, ProbeRequest } from './probe.ts';
import { mxfp4, oneHot, quantised } from './quantised.ts';

/** Not powers of two, so that tails of tiles are there: 61 rows, three 128-row blocks of w, five 128-column groups. */
const SIZES = { m: 61, n: 384, k: 640 };

const ONE_HOT = 'y[m] is column (start + m) mod k of the dequantised w: x picks it with a 1, and the scales of x are 1';

type GemmOp =
  | 'gemm_a8w8_blockscale'
  | 'gemm_a8w8_blockscale_bpreshuffle'
  | 'gemm_a8w8_bpreshuffle'
  | 'gemm_a4w4_bpreshuffle'
  | 'fp8_gemm_nt';

/** Plain operands before they are stored the way a kernel wants them. */
interface Plain {
  readonly x: Tensor;
  readonly w: Tensor;
  readonly x_scale: Tensor;
  readonly w_scale: Tensor;
}

/** x and w in fp8 with scales for blocks [blockN, blockK] of w and [1, blockK] of x, all row-major. */
function fp8Plain(request: ProbeRequest, blockN: number, blockK: number, powers = false): Plain {
  const { data, format, seed } = request;
  const { m = 0, n = 0, k = 0 } = request.sizes;
  const [groups, rowBlocks] = [Math.ceil(k / blockK), Math.ceil(n / blockN)];
  const salt = (name: string): number => saltOf(seed, name);
  if (data === 'random') {
    const x = quantised('x', activationValues(m, k, salt('x')), [m, k], [1, blockK], format, powers);
    const w = quantised('w', weightValues(n, k, salt('w')), [n, k], [blockN, blockK], format, powers);
    return { x: x.codes, x_scale: x.scale, w: w.codes, w_scale: w.scale };
  }
  const w = coded('w', format, [n, k], salt('w'));
  const w_scale = f32Scales('w_scale', [rowBlocks, groups], salt('w_scale'), { powers });
  if (data === 'one-hot') {
    const ones = new Float32Array(m * groups).fill(1);
    const x_scale = tensorFrom('x_scale', 'f32', [m, groups], ones, powers ? 'ue8m0-f32' : 'f32');
    return { x: oneHot('x', format, m, k, request.start), w, x_scale, w_scale };
  }
  const x_scale = f32Scales('x_scale', [m, groups], salt('x_scale'), { powers });
  return { x: coded('x', format, [m, k], salt('x')), w, x_scale, w_scale };
}

const blockOf = ({ params }: ProbeRequest): readonly [number, number] => {
  const { block } = params;
  // A block that is none is refused by the op's own plan.
  const [rows = 128, columns = 128] = Array.isArray(block) ? (block as readonly number[]) : [];
  return rows > 0 && columns > 0 ? [rows, columns] : [128, 128];
};

function sizesOf({ x, w }: NamedTensors): Record<string, number> {
  const [m = 0, k = 0] = x?.layout.shape ?? [];
  return { m, n: w?.layout.shape[0] ?? 0, k };
}

/** Wants whole tiles of 16 x 32 (bytes); what has none stays plain, and the op says what is wrong. */
function shuffled(w: Tensor, bits: 4 | 8, poison: boolean, padK = false): Tensor {
  const [n = 0, k = 0] = w.layout.shape;
  const tile = bits === 4 ? 64 : 32;
  if (n % 16 !== 0 || (k % tile !== 0 && !padK)) return w;
  const padKTo = Math.ceil(k / tile) * tile;
  return padded(w, shuffleWeight([n, k], { bits, ...(padKTo === k ? {} : { padKTo }) }), poison);
}

const common = { sizes: SIZES, oneHot: ONE_HOT, sizesOf };

export const gemmProbes: Readonly<Record<GemmOp, OpProbe>> = {
  gemm_a8w8_blockscale: {
    ...common,
    choices: ['format', 'start', 'poison'],
    make: (request) => ({ ...fp8Plain(request, ...blockOf(request)) }),
  },
  gemm_a8w8_blockscale_bpreshuffle: {
    ...common,
    choices: ['format', 'start', 'poison'],
    make(request) {
      const { x, w, x_scale, w_scale } = fp8Plain(request, ...blockOf(request));
      const { poison } = request;
      const transposed = padded(x_scale, scaleTransposedView(x_scale.layout.shape), poison);
      return { x, w: shuffled(w, 8, poison), x_scale: transposed, w_scale };
    },
  },
  gemm_a8w8_bpreshuffle: {
    ...common,
    choices: ['format', 'start', 'poison'],
    make(request) {
      const { x, w, x_scale, w_scale } = fp8Plain(request, 1, Math.max(1, request.sizes['k'] ?? 1));
      // A K without whole tiles is padded before the shuffle (pad_k_to), and the padding is poison.
      return { x, w: shuffled(w, 8, request.poison, true), x_scale, w_scale };
    },
  },
  gemm_a4w4_bpreshuffle: {
    ...common,
    choices: ['start', 'poison'],
    make(request) {
      const { x, w, x_scale, w_scale } = fp4Plain(request);
      const { poison } = request;
      const scale = (source: Tensor): Tensor => padded(source, shuffleScale(source.layout.shape), poison);
      return { x, w: shuffled(w, 4, poison), x_scale: scale(x_scale), w_scale: scale(w_scale) };
    },
  },
  fp8_gemm_nt: {
    ...common,
    choices: ['scales', 'start', 'poison'],
    make(request) {
      const powers = request.scales === 'packed';
      const plain = fp8Plain(request, 128, 128, powers);
      const { poison } = request;
      if (!powers)
        return { ...plain, x_scale: padded(plain.x_scale, scaleTmaAligned(plain.x_scale.layout.shape), poison) };
      const [, groups = 1] = plain.x_scale.layout.shape;
      const { n = 0 } = request.sizes;
      return {
        ...plain,
        x_scale: packedScales('x_scale', asF32(plain.x_scale), groups, poison),
        w_scale: packedScales('w_scale', repeatedRows(asF32(plain.w_scale), groups, n), groups, poison),
      };
    },
  },
};

/** Scales [ceil(rows / 128), groups] repeated for every row. */
function repeatedRows(scales: Float32Array, groups: number, rows: number): Float32Array {
  return Float32Array.from(
    { length: rows * groups },
    (_, index) => scales[Math.floor(index / groups / 128) * groups + (index % groups)] as number,
  );
}

function fp4Plain(request: ProbeRequest): Plain {
  const { data, seed, start } = request;
  const { m = 0, n = 0, k = 0 } = request.sizes;
  const salt = (name: string): number => saltOf(seed, name);
  const groups = Math.max(1, Math.floor(k / 32));
  if (data === 'random') {
    const x = mxfp4('x', activationValues(m, k, salt('x')), [m, k]);
    const w = mxfp4('w', weightValues(n, k, salt('w')), [n, k]);
    return { x: x.codes, x_scale: x.scale, w: w.codes, w_scale: w.scale };
  }
  const w = coded('w', 'e2m1', [n, k], salt('w'));
  const w_scale = e8m0Scales('w_scale', [n, groups], salt('w_scale'));
  if (data === 'one-hot') {
    const ones = tensorFrom('x_scale', 'e8m0', [m, groups], new Uint8Array(m * groups).fill(127), 'e8m0');
    return { x: oneHot('x', 'e2m1', m, k, start), w, x_scale: ones, w_scale };
  }
  return {
    x: coded('x', 'e2m1', [m, k], salt('x')),
    w,
    x_scale: e8m0Scales('x_scale', [m, groups], salt('x_scale')),
    w_scale,
  };
}
