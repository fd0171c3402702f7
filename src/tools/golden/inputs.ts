import { elementBits } from '../../formats/element-type.ts';
import { encodeArray } from '../../formats/encode.ts';
import type { Layout } from '../../layout/layout.ts';
import { permute } from '../../layout/permute.ts';
import { rowMajor } from '../../layout/plain.ts';
import { asBytes, tensor } from '../../tensor/make.ts';
import type { ScaleEncoding, Tensor } from '../../tensor/tensor.ts';

/*
 * Inputs that cannot hide a layout mistake: every code depends on its row and column, no two scales are equal, and their
 * ratio is far from a power of two.
 */

/** fp8 codes that tell their address; no NaN, both signs, every exponent. */
export function addressCodes(name: string, type: 'e4m3fn' | 'e4m3fnuz', rows: number, columns: number): Tensor {
  const codes = Uint8Array.from({ length: rows * columns }, (_, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    const code = (row * 37 + column * 11 + (column >> 4) * 5 + (row >> 4) * 13) & 0xff;
    return (code & 0x7f) === 0x7f || code === 0x80 ? 0x2d : code;
  });
  return tensor(name, type, rowMajor([rows, columns]), codes);
}

/** Positive float32 scales, all different. */
export function distinctScales(name: string, shape: readonly number[], base = 0.004): Tensor {
  const count = shape.reduce((product: number, size) => product * size, 1);
  const values = Float32Array.from({ length: count }, (_, index) => base * 1.37 ** (index % 13) * (1 + index / 640));
  return tensor(name, 'f32', rowMajor(shape), asBytes(values), 'f32');
}

/** Power-of-two scales, neighbours different. */
export function powerScales(name: string, shape: readonly number[]): Tensor {
  const count = shape.reduce((product: number, size) => product * size, 1);
  const values = Float32Array.from({ length: count }, (_, index) => 2 ** (((index * 7) % 11) - 9));
  return tensor(name, 'f32', rowMajor(shape), asBytes(values), 'ue8m0-f32');
}

/** Activations: a different magnitude for every row and group. */
export function activations(name: string, type: 'bf16' | 'f16' | 'f32', shape: readonly number[]): Tensor {
  const columns = shape.at(-1) ?? 1;
  const count = shape.reduce((product: number, size) => product * size, 1);
  const values = Float32Array.from({ length: count }, (_, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    return Math.sin(index * 0.731 + row) * (1 + row * 0.21) * (1 + Math.floor(column / 128) * 0.47);
  });
  const bytes = type === 'f32' ? asBytes(values) : asBytes(encodeArray(type, values));
  return tensor(name, type, rowMajor(shape), bytes);
}

/** The same values in another layout. */
export function stored(given: Tensor, layout: Layout, scaling: ScaleEncoding | undefined = given.scaling): Tensor {
  return tensor(
    given.name,
    given.type,
    layout,
    permute(given.bytes, given.layout, layout, elementBits(given.type)),
    scaling,
  );
}
