import type { Layout, LayoutFactor } from '../../../layout/index.ts';
import type { ElementType } from '../../../tensor/index.ts';
import type { Subject } from '../subject.ts';

const TORCH_TYPES: Readonly<Partial<Record<ElementType, string>>> = {
  bf16: 'torch.bfloat16',
  f16: 'torch.float16',
  f32: 'torch.float32',
  f64: 'torch.float64',
};

/**
 * The layout as torch writes it: pad, view, permute, contiguous, from a row-major tensor. Of fp4 the bytes are moved, two codes
 * each, where the layout keeps pairs together.
 */
export function torchOf(subject: Subject): string {
  const { tensor, bits, resolved } = subject;
  const { layout, type } = tensor;
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
  const storage = storageShape(subject).map((size, axis, all) => (axis === all.length - 1 ? size / unit : size));
  const what = packed ? 'two fp4 codes a byte' : bits === 4 ? 'one fp4 code a byte; pack pairs behind it' : type;
  const padding = resolved.entry?.padding;
  const value = typeof padding === 'number' ? padding : 0;
  return [
    ...(pads.some((pad) => pad > 0) ? ['import torch', ''] : []),
    `# x: ${TORCH_TYPES[type] ?? 'torch.uint8'} [${shape.join(', ')}], row-major (${what})`,
    ...(pads.some((pad) => pad > 0)
      ? [
          `x = torch.nn.functional.pad(x, (${pads
            .toReversed()
            .map((pad) => `0, ${pad}`)
            .join(', ')}), value=${value})`,
        ]
      : []),
    `x = x.view(${factors.map(({ size }) => size).join(', ')})  # ${names.join(' ')}`,
    `x = x.permute(${order.join(', ')})  # ${layout.order.join(' ')}`,
    `x = x.contiguous().view(${storage.join(', ')})`,
    '',
  ].join('\n');
}

/** Registers are shown lane by lane. */
function storageShape({ tensor, resolved }: Subject): readonly number[] {
  const { layout } = tensor;
  return resolved.mfma === undefined ? layout.storageShape : [64, layout.storageSize / 64];
}

/** Whether codes 2i and 2i + 1 of a row stay in one byte. */
function keepsPairs(layout: Layout): boolean {
  const dim = layout.dims.at(-1);
  const innermost = dim?.factors.at(-1);
  return innermost?.stride === 1 && innermost.size % 2 === 0 && dim !== undefined && dim.size % 2 === 0;
}
