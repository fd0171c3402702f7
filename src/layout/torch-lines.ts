import type { LayoutFactor } from './dim.ts';
import type { Layout } from './layout.ts';

export interface TorchLinesOptions {
  /** Bits of an element. */
  readonly bits: number;
  /** The type, for the comment: `e4m3fn`. */
  readonly type: string;
  /** Its torch dtype. Default `torch.uint8`. */
  readonly dtype?: string | undefined;
  /** Byte written to padding. Default 0. */
  readonly fill?: number | undefined;
  /** Default: the layout's. */
  readonly storageShape?: readonly number[];
}

/**
 * The layout as torch writes it: pad, view, permute, contiguous, from a row-major tensor. Of fp4 the bytes are moved, two codes
 * each, where the layout keeps pairs together.
 */
export function torchLines(layout: Layout, options: TorchLinesOptions): string {
  const { bits, type, dtype = 'torch.uint8', fill = 0 } = options;
  const packed = bits === 4 && keepsPairs(layout);
  const unit = packed ? 2 : 1;
  const last = layout.dims.length - 1;
  const shape = layout.dims.map(({ size }, axis) => (axis === last ? size / unit : size));
  const factors = layout.dims.flatMap((dim, axis) =>
    dim.factors.map((factor, at): LayoutFactor => {
      const innermost = axis === last && at === dim.factors.length - 1;
      return { ...factor, size: innermost ? factor.size / unit : factor.size };
    }),
  );
  const names = factors.map(({ name }) => name);
  const order = layout.order.map((name) => names.indexOf(name));
  const pads = layout.dims.map(({ size, padded }, axis) => (axis === last ? (padded - size) / unit : padded - size));
  const storageShape = options.storageShape ?? layout.storageShape;
  const storage = storageShape.map((size, axis, all) => (axis === all.length - 1 ? size / unit : size));
  const what = packed ? 'two fp4 codes a byte' : bits === 4 ? 'one fp4 code a byte; pack pairs behind it' : type;
  return [
    ...(pads.some((pad) => pad > 0) ? ['import torch', ''] : []),
    `# x: ${dtype} [${shape.join(', ')}], row-major (${what})`,
    ...(pads.some((pad) => pad > 0)
      ? [
          `x = torch.nn.functional.pad(x, (${pads
            .toReversed()
            .map((pad) => `0, ${pad}`)
            .join(', ')}), value=${fill})`,
        ]
      : []),
    `x = x.view(${factors.map(({ size }) => size).join(', ')})  # ${names.join(' ')}`,
    `x = x.permute(${order.join(', ')})  # ${layout.order.join(' ')}`,
    `x = x.contiguous().view(${storage.join(', ')})`,
    '',
  ].join('\n');
}

/** Whether codes 2i and 2i + 1 of a row stay in one byte. */
function keepsPairs(layout: Layout): boolean {
  const dim = layout.dims.at(-1);
  const innermost = dim?.factors.at(-1);
  return innermost?.stride === 1 && innermost.size % 2 === 0 && dim !== undefined && dim.size % 2 === 0;
}
