import type { NamedTensors } from '../ops/kernel-call.ts';
import { tensorFrom } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asF32 } from '../tensor/views.ts';
import { hash, normals } from './hash.ts';
import { coded, f32Scales, floats, packedScales, saltOf, weightValues } from './operands.ts';
import type { OpProbe, ProbeRequest } from './probe.ts';
import { quantised, renamed } from './quantised.ts';

type ScaleOp =
  | 'ceil_to_ue8m0'
  | 'mx_scale'
  | 'normalize_e4m3fn_to_e4m3fnuz'
  | 'pack_ue8m0_mn_major'
  | 'pack_ue8m0_to_int'
  | 'requant_weight_ue8m0'
  | 'unpack_ue8m0_scale';

/** Seven groups, so that a last int32 is not full; 61 rows, so that columns of packed scales are padded. */
const SIZES = { rows: 61, groups: 7 };

/** Float scales [rows, groups] under the name x: address-coded, or those of random blocks. */
function scales(request: ProbeRequest, powers: boolean): Tensor {
  const { rows = 0, groups = 0 } = request.sizes;
  const salt = saltOf(request.seed, 'x');
  if (request.data === 'address-coded') return f32Scales('x', [rows, groups], salt, { powers });
  const values = normals(rows * groups, salt).map((value) => {
    const scale = 2 ** (value - 7);
    return powers ? 2 ** Math.ceil(Math.log2(scale)) : scale;
  });
  return tensorFrom('x', 'f32', [rows, groups], values, powers ? 'ue8m0-f32' : 'f32');
}

function scaleSizes({ x }: NamedTensors): Record<string, number> {
  const [rows = 0, groups = 0] = x?.layout.shape.slice(-2) ?? [];
  return { rows, groups };
}

/** fp8 weight [n, k] and float scales for 128x128 blocks. One code in 97 is -0, whose byte is NaN in e4m3fnuz. */
function blockWeight({ data, seed, sizes }: ProbeRequest): NamedTensors {
  const { n = 0, k = 0 } = sizes;
  const [salt, blocks] = [saltOf(seed, 'w'), [Math.ceil(n / 128), Math.ceil(k / 128)]];
  const { codes, scale } =
    data === 'random'
      ? quantised('w', weightValues(n, k, salt), [n, k], [128, 128], 'e4m3fn')
      : { codes: coded('w', 'e4m3fn', [n, k], salt), scale: f32Scales('scale', blocks, saltOf(seed, 'scale')) };
  const bytes = codes.bytes.map((code, at) => (hash(at, salt) % 97 === 0 ? 0x80 : code));
  return { w: tensorFrom('w', 'e4m3fn', [n, k], bytes), scale: renamed(scale, 'scale') };
}

function weightSizes({ w }: NamedTensors): Record<string, number> {
  const [n = 0, k = 0] = w?.layout.shape ?? [];
  return { n, k };
}

export const scaleProbes: Readonly<Record<ScaleOp, OpProbe>> = {
  ceil_to_ue8m0: {
    sizes: SIZES,
    choices: [],
    make: (request) => ({ x: scales(request, false) }),
    sizesOf: scaleSizes,
  },
  mx_scale: {
    sizes: SIZES,
    choices: ['type'],
    type: 'f32',
    params: () => ({ element: 'e2m1', mode: 'RoundUp' }),
    make(request) {
      const x = scales(request, false);
      return { x: floats('x', request.type, x.layout.shape, asF32(x)) };
    },
    sizesOf: scaleSizes,
  },
  normalize_e4m3fn_to_e4m3fnuz: {
    sizes: { n: 384, k: 640 },
    choices: [],
    make: (request) => blockWeight(request),
    sizesOf: weightSizes,
  },
  pack_ue8m0_mn_major: {
    sizes: SIZES,
    choices: [],
    make: (request) => ({ x: scales(request, true) }),
    sizesOf: scaleSizes,
  },
  pack_ue8m0_to_int: {
    sizes: SIZES,
    choices: [],
    make: (request) => ({ x: scales(request, true) }),
    sizesOf: scaleSizes,
  },
  requant_weight_ue8m0: {
    sizes: { n: 384, k: 640 },
    choices: [],
    make: (request) => blockWeight(request),
    sizesOf: weightSizes,
  },
  unpack_ue8m0_scale: {
    sizes: SIZES,
    choices: ['poison'],
    params: ({ groups }) => ({ groups }),
    make(request) {
      const { groups = 1 } = request.sizes;
      return { x: packedScales('x', asF32(scales(request, true)), groups, request.poison) };
    },
    sizesOf: ({ x }, params) => ({
      rows: x?.layout.shape[0] ?? 0,
      groups: (params as { readonly groups: number }).groups,
    }),
  },
};
