import type { NarrowFormatName } from '../../formats/decode.ts';
import { FLOAT_FORMATS, formatFacts } from '../../formats/facts.ts';
import { MX_ELEMENTS, MX_SCALE_MODES } from '../../formats/mx-scale.ts';
import { packNibbles } from '../../formats/pack.ts';
import { rowMajor } from '../../layout/plain.ts';
import { tensor, tensorFrom } from '../../tensor/make.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { CaseReader } from '../case-reader.ts';
import { check } from '../check.ts';
import type { Binding } from './binding.ts';

const NARROW: readonly NarrowFormatName[] = FLOAT_FORMATS.filter(
  (name): name is NarrowFormatName => formatFacts(name).codeBits <= 16,
);

/**
 * The source values of an encode case: its own `x`; all 65,536 bit patterns when `src` names a 16-bit format; otherwise the `x`
 * of another encode case of the file with as many elements, `encode_<format>` first.
 */
async function encodeSource(reader: CaseReader, count: number): Promise<Tensor> {
  const src = reader.string('src', ['f32', 'bf16', 'f16'], 'f32');
  if (reader.has('x')) return reader.tensor('x', src);
  if (src !== 'f32')
    return tensorFrom(
      'x',
      src,
      [65536],
      Uint16Array.from({ length: 65536 }, (_, code) => code),
    );
  const own = `encode_${reader.string('format')}/x`;
  const candidates = [own, ...reader.tensorNames().filter((name) => /^encode_.*\/x$/.test(name))];
  const name = candidates.find(
    (candidate) => reader.has(candidate) && elements(reader.info(candidate).shape) === count,
  );
  if (name === undefined) {
    throw reader.fail(
      `tensor "x" is missing, and no encode case of this file has an "x" of ${count} elements to borrow.`,
    );
  }
  return reader.tensor(name, 'f32');
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

const encode: Binding = async (reader) => {
  const format = reader.string('format', NARROW);
  const { shape } = reader.info('y');
  const stored = elements(shape);
  // Two e2m1 codes a byte (AITER), or one (ml_dtypes): the number of source elements tells.
  const x = await encodeSource(reader, format === 'e2m1' && !hasSource(reader, stored) ? stored * 2 : stored);
  const isUnpacked = format === 'e2m1' && x.layout.size === stored;
  const y = isUnpacked ? await packedCodes(reader) : await reader.tensor('y', format);
  const convention = reader.case.source.includes('ml_dtypes')
    ? 'ml_dtypes'
    : reader.case.source.includes('aiter')
      ? 'aiter'
      : 'torch';
  const params = { format, saturate: reader.flag('saturate'), convention } as const;
  return [check('y', 'encode', params, { x }, [{ output: 'y', expected: y, compare: 'exact' }])];
};

/** e2m1 codes that the file holds one a byte, packed as the op returns them. */
async function packedCodes(reader: CaseReader): Promise<Tensor> {
  const codes = await reader.tensor('y', 'u8');
  const even = new Uint8Array(Math.ceil(codes.bytes.length / 2) * 2);
  even.set(codes.bytes);
  return tensor('y', 'e2m1', rowMajor(codes.layout.shape), packNibbles(even));
}

/** Whether the case's own or a borrowed x has this many elements. */
function hasSource(reader: CaseReader, count: number): boolean {
  if (reader.has('x')) return elements(reader.info('x').shape) === count;
  return reader
    .tensorNames()
    .some((name) => /^encode_.*\/x$/.test(name) && elements(reader.info(name).shape) === count);
}

/** The expected values are `f32`, or their `bits`; the codes are 0, 1, 2, …, or the case's own `x`. */
const decode: Binding = async (reader) => {
  const format = reader.string('format', NARROW);
  const name = reader.has('bits') ? 'bits' : 'f32';
  const expected = await reader.tensor(name, 'f32');
  const count = expected.layout.size;
  const codes = formatFacts(format).codeBits > 8 ? new Uint16Array(count) : new Uint8Array(count);
  const x = reader.has('x')
    ? await reader.tensor('x', format)
    : tensorFrom(
        'x',
        format,
        [count],
        codes.map((_, code) => code),
      );
  return [check(name, 'decode', {}, { x }, [{ output: 'y', expected, compare: 'exact' }])];
};

/** `input` names the tensor with the largest magnitudes, usually that of a case of op `none`. */
const mxScale: Binding = async (reader) => {
  const input = reader.has('x') ? 'x' : reader.string('input');
  const x = await reader.tensor(input, 'f32');
  const expected = await reader.tensor('y', 'e8m0', { shape: x.layout.shape });
  const params = { element: reader.string('element', MX_ELEMENTS), mode: reader.string('mode', MX_SCALE_MODES) };
  return [check('y', 'mx_scale', params, { x }, [{ output: 'y', expected, compare: 'exact' }])];
};

export const formatBindings: Readonly<Record<string, Binding>> = { encode, decode, mx_scale: mxScale };
