import type { ElementType } from '../formats/element-type.ts';
import type { Layout } from '../layout/layout.ts';

/**
 * How a scale tensor encodes its numbers. The same 4 bytes mean different things under each, and no kernel checks:
 * - `f32`: any float32;
 * - `ue8m0-f32`: float32 whose values are powers of two;
 * - `e8m0`: one biased exponent byte a scale;
 * - `ue8m0-packed`: four biased exponent bytes in an int32, least significant byte first (DeepGEMM).
 */
export type ScaleEncoding = 'f32' | 'ue8m0-f32' | 'e8m0' | 'ue8m0-packed';

/** What a tensor is, without its bytes. */
export interface TensorSpec<T extends ElementType = ElementType, L extends string = string> {
  /** Used in errors and reports, e.g. `w13_scale`. */
  readonly name: string;
  readonly type: T;
  /** Maps logical coordinates to storage offsets counted in elements (nibbles for e2m1). `layout.shape` is the logical shape. */
  readonly layout: Layout<L>;
  /** Set on scale tensors only. */
  readonly scaling?: ScaleEncoding;
}

/**
 * Bytes with everything needed to read them: number type, layout, scale encoding. Immutable by convention: an op never
 * writes into an operand. The element type and the layout id are part of the TypeScript type, so that a plain weight
 * cannot be handed to a kernel that reads a preshuffled one; at run time the same mistake is a `LayoutMismatchError`.
 */
export interface Tensor<T extends ElementType = ElementType, L extends string = string> extends TensorSpec<T, L> {
  /** Exactly `storageBytes(spec)` bytes. */
  readonly bytes: Uint8Array;
}
