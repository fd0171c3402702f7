import { ParameterError } from '../errors.ts';
import { encodeArray } from '../formats/encode.ts';
import { type FloatFormatName, isFloatFormat } from '../formats/facts.ts';
import { packNibbles } from '../formats/pack.ts';
import { Layout } from '../layout/layout.ts';
import { shuffleWeight } from '../layout/weights.ts';
import { tensorFrom } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { hash, normals } from './hash.ts';
import { activationValues, coded, saltOf } from './operands.ts';
import type { OpProbe, ProbeRequest } from './probe.ts';
import { quantiserInput, rowSizes } from './quant-probes.ts';

type ValueOp = 'decode' | 'encode' | 'permute' | 'swiglu';

const SIZES = { rows: 61, columns: 256 };

export const valueProbes: Readonly<Record<ValueOp, OpProbe>> = {
  decode: {
    sizes: SIZES,
    choices: [],
    make(request) {
      const { rows = 0, columns = 0 } = request.sizes;
      const format = request.params['format'];
      // What is no format is refused by the op's own plan.
      const type = typeof format === 'string' && isFloatFormat(format) ? format : 'e4m3fn';
      return { x: codes(request, type, rows, columns) };
    },
    sizesOf: rowSizes,
  },
  encode: {
    sizes: SIZES,
    choices: ['type'],
    type: 'f32',
    params: () => ({ format: 'e4m3fn' }),
    make(request) {
      const { rows = 0, columns = 0 } = request.sizes;
      return { x: quantiserInput(request, [rows, columns], 32) };
    },
    sizesOf: rowSizes,
  },
  permute: {
    sizes: { rows: 96, columns: 256 },
    choices: ['format'],
    params: ({ rows = 0, columns = 0 }) => ({ to: shuffleWeight([rows, columns], { bits: 8 }) }),
    make(request) {
      const { rows = 0, columns = 0 } = request.sizes;
      if (!(request.params['to'] instanceof Layout)) {
        throw new ParameterError(
          'probeCall',
          'to',
          `is ${JSON.stringify(request.params['to'])}, expected a Layout, such as shuffleWeight([${rows}, ${columns}], { bits: 8 }). ` +
            'Leave it out for that one.',
        );
      }
      return { x: codes(request, request.format, rows, columns) };
    },
    sizesOf: rowSizes,
  },
  swiglu: {
    sizes: SIZES,
    choices: [],
    make(request) {
      const { rows = 0, columns = 0 } = request.sizes;
      return { glu: halfOf(request, 'glu', rows, columns), linear: halfOf(request, 'linear', rows, columns) };
    },
    sizesOf: ({ glu }) => rowSizes(glu === undefined ? {} : { x: glu }),
  },
};

/** Codes that tell their address, or those of normal numbers. */
function codes({ data, seed }: ProbeRequest, type: FloatFormatName, rows: number, columns: number): Tensor {
  const salt = saltOf(seed, 'x');
  if (data === 'address-coded') return coded('x', type, [rows, columns], salt);
  const encoded = encodeArray(type, activationValues(rows, columns, salt), { saturate: true });
  return tensorFrom('x', type, [rows, columns], type === 'e2m1' ? packNibbles(encoded as Uint8Array) : encoded);
}

/** Some beyond the clamp of 7 in either direction. */
function halfOf({ data, seed }: ProbeRequest, name: string, rows: number, columns: number): Tensor {
  const salt = saltOf(seed, name);
  if (data === 'random')
    return tensorFrom(
      name,
      'f32',
      [rows, columns],
      normals(rows * columns, salt).map((z) => 4 * z),
    );
  const values = Float32Array.from({ length: rows * columns }, (_, at) => (hash(at, salt) % 20_479) / 1024 - 10);
  return tensorFrom(name, 'f32', [rows, columns], values);
}
