/** One digit of a dimension: `n0 n1:16` splits n into a block number and a position in a block of 16. */
export interface LayoutFactor {
  readonly name: string;
  readonly size: number;
  /** Storage elements between neighbours along this digit. */
  readonly stride: number;
}

/** A logical dimension and the digits it is split into, outermost first. */
export interface LayoutDim {
  readonly name: string;
  /** Logical size. */
  readonly size: number;
  /** Size in storage: `size`, or more where the layout pads. The product of the factor sizes. */
  readonly padded: number;
  readonly factors: readonly LayoutFactor[];
}

/** The dimension's digits with trivial splits undone: neighbours whose strides chain are one digit. */
export function mergedFactors(dim: LayoutDim): readonly { readonly size: number; readonly stride: number }[] {
  const merged: { size: number; stride: number }[] = [];
  for (const { size, stride } of dim.factors) {
    if (size === 1) continue;
    const outer = merged.at(-1);
    if (outer !== undefined && outer.stride === stride * size) {
      merged[merged.length - 1] = { size: outer.size * size, stride };
    } else merged.push({ size, stride });
  }
  return merged;
}
