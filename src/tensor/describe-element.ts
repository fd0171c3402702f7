import { type ElementType, elementBits } from '../formats/element-type.ts';
import { codeValue } from '../formats/read-codes.ts';
import type { Layout } from '../layout/layout.ts';
import { type Location, locate } from '../layout/locate.ts';
import type { RegisterMap, WavePlace } from '../layout/register-map.ts';

/** A tensor whose codes are asked for one by one: bytes in memory, or numbers computed when they are needed. */
export interface CodedTensor {
  /** Short, as in errors: `w13`. */
  readonly name: string;
  readonly type: ElementType;
  readonly layout: Layout;
  /** Code at a storage offset, as many bits as the type stores. 64-bit types give their value. */
  codeAt(offset: number): number;
}

/** The scale of a block-scaled tensor: one number for `block[axis]` elements along each axis. */
export interface BlockScale {
  readonly tensor: CodedTensor;
  /** One entry for each dimension of the scaled tensor, e.g. [1, 1, 32] for MXFP4 experts. */
  readonly block: readonly number[];
}

/** Everything about one element. */
export interface ElementFacts {
  readonly location: Location;
  readonly code: number;
  readonly value: number;
  readonly scale?: { readonly coord: readonly number[]; readonly code: number; readonly value: number };
  /** value times scale. */
  readonly dequantised?: number;
  readonly place?: WavePlace;
}

/**
 * Coordinate in the scale tensor of the block that an element belongs to. Shuffled scales of experts are matrices `[E * rows, G]`:
 * leading dimensions that the scale does not have fold into its first.
 */
export function scaleCoord(scale: BlockScale, shape: readonly number[], coord: readonly number[]): number[] {
  const full = coord.map((index, axis) => Math.floor(index / (scale.block[axis] ?? 1)));
  const sizes = shape.map((size, axis) => Math.ceil(size / (scale.block[axis] ?? 1)));
  const extra = full.length - scale.tensor.layout.shape.length;
  const folded = full.slice(0, extra + 1).reduce((at, index, axis) => at * (sizes[axis] as number) + index, 0);
  return extra > 0 ? [folded, ...full.slice(extra + 1)] : full;
}

/**
 * @throws LayoutRangeError for a coordinate outside the tensor, or whose block is outside the scale
 */
export function elementFacts(
  tensor: CodedTensor,
  coord: readonly number[],
  context: { readonly scale?: BlockScale | undefined; readonly registers?: RegisterMap | undefined } = {},
): ElementFacts {
  const bits = elementBits(tensor.type);
  const location = locate(tensor.layout, coord, bits);
  const code = tensor.codeAt(location.offset);
  const value = codeValue(tensor.type, code);
  const place = context.registers?.placeOf(tensor.layout, location.offset, bits);
  const facts = { location, code, value, ...(place === undefined ? {} : { place }) };
  if (context.scale === undefined) return facts;
  const { tensor: scales } = context.scale;
  const at = scaleCoord(context.scale, tensor.layout.shape, coord);
  const scaleCode = scales.codeAt(scales.layout.offset(at));
  const scale = { coord: at, code: scaleCode, value: codeValue(scales.type, scaleCode) };
  return { ...facts, scale, dequantised: value * scale.value };
}

/**
 * One line: `W[e=3, n=517, k=96] e2m1 code 0xb = -1.5, scale[3, 517, 3] = 2^-4 (0x7b), dequantised -0.09375, byte 0x12a40 low
 * nibble, 16-byte line 0x12a4, lane 37, v2[11:8]`. Of a register the bits that hold the element are named.
 */
export function describeElement(tensor: CodedTensor, facts: ElementFacts): string {
  const { location, code, value, scale, dequantised, place } = facts;
  const names = tensor.layout.dims.map(({ name }, axis) => `${name}=${location.coord[axis]}`).join(', ');
  const parts = [`${tensor.name}[${names}] ${tensor.type} code ${codeText(tensor.type, code)} = ${numberText(value)}`];
  if (scale !== undefined && dequantised !== undefined) {
    parts.push(
      `scale[${scale.coord.join(', ')}] = ${numberText(scale.value)} (0x${scale.code.toString(16)})`,
      `dequantised ${numberText(dequantised)}`,
    );
  }
  const nibble = location.bits === 4 ? ` ${location.bit === 0 ? 'low' : 'high'} nibble` : '';
  parts.push(`byte 0x${location.byte.toString(16)}${nibble}`, `16-byte line 0x${location.line16.toString(16)}`);
  if (place !== undefined) parts.push(`lane ${place.lane}`, registerText(place, location.bits));
  return parts.join(', ');
}

/** `v2[11:8]`: register and bits. */
export function registerText({ vgpr, byte, nibble }: WavePlace, bits: number): string {
  const low = byte * 8 + nibble * 4;
  return bits >= 32 ? `v${vgpr}` : `v${vgpr}[${low + bits - 1}:${low}]`;
}

/** `0xb`: as many digits as the type has nibbles; the value itself for 64-bit types. */
export function codeText(type: ElementType, code: number): string {
  const bits = elementBits(type);
  return bits === 64 ? String(code) : `0x${code.toString(16).padStart(bits / 4, '0')}`;
}

/** Powers of two as `2^-4` outside 1/8 … 8, other numbers with at most six digits. */
export function numberText(value: number): string {
  const exponent = Math.log2(value);
  if (value > 0 && Number.isInteger(exponent) && Math.abs(exponent) > 3) return `2^${exponent}`;
  return Number.isInteger(value) && Math.abs(value) < 1e9 ? String(value) : String(Number(value.toPrecision(6)));
}
