import { elementBits } from '../../../src/formats/element-type.ts';
import { layoutFunctionsWgsl } from '../../../src/layout/codegen/wgsl.ts';
import type { Layout } from '../../../src/layout/layout.ts';
import { planRelayout } from '../../../src/layout/relayout-plan.ts';
import type { GpuArray } from '../buffers.ts';
import type { Gpu } from '../gpu.ts';
import type { KernelCall } from '../kernel.ts';
import { bindWindow, spans } from '../split.ts';
import { tensorOf, type WebGpuKernel } from './kernel.ts';

export interface Permutation {
  readonly from: GpuArray;
  readonly fromLayout: Layout;
  readonly to: GpuArray;
  readonly toLayout: Layout;
  /** 4, 8, 16, 32 or 64. */
  readonly bits: number;
  /** Byte for the padding of the target. */
  readonly fill: number;
}

const WORKGROUP = 64;

/** Offsets are 32-bit in the shader. */
const MOST_ELEMENTS = 2 ** 32 - 1;

/** Stores a tensor in another layout, through index functions generated from both. */
export const permute: WebGpuKernel<'permute'> = {
  op: 'permute',
  supports({ to }, { x }) {
    const largest = Math.max(to.storageSize, x?.layout.storageSize ?? 0);
    if (largest <= MOST_ELEMENTS) return { supported: true };
    return {
      supported: false,
      reason: `${largest} elements exceed the 32-bit offsets of the shader: use the cpu backend.`,
    };
  },
  async run(run, params, operands, outputs) {
    const x = tensorOf(operands, 'x');
    const y = tensorOf(outputs, 'y');
    await run.permute(x.array, x.layout, y.array, y.layout, elementBits(x.type), params.fill ?? 0);
  },
};

/**
 * The dispatches of a permutation: one, or one for each pair of parts where source or target exceed a binding. Every
 * invocation fills whole words of the target, so that parts of the source are merged into them one after the other.
 */
export function permuteCalls(gpu: Gpu, permutation: Permutation): readonly KernelCall[] {
  const { from, fromLayout, to, toLayout, bits, fill } = permutation;
  // Whole alignment units hold whole elements and whole words, so no element is cut in two.
  const limit = gpu.limits.maxStorageBufferBindingSize;
  const part = limit - (limit % gpu.alignment);
  // Without padding only the spare nibble of an odd number of codes is left over; it is zero.
  const padding = toLayout.storageSize === toLayout.size ? 0 : fill;
  const words = movesWords(fromLayout, toLayout, bits);
  const blocks = {
    layouts: [layoutFunctionsWgsl('source', fromLayout), layoutFunctionsWgsl('target', toLayout)].join('\n'),
  };
  return spans(to.byteLength, part).flatMap((target) =>
    spans(from.byteLength, part).map((source, index): KernelCall => {
      const targetWords = Math.ceil((target.end - target.start) / 4);
      return {
        shader: 'permute',
        constants: { bits, words: words ? 1 : 0 },
        blocks,
        bindings: [
          Uint32Array.of(
            targetWords,
            (target.start * 8) / bits,
            Math.min(toLayout.storageSize, (target.end * 8) / bits),
            (source.start * 8) / bits,
            ((source.end - source.start) * 8) / bits,
            index === 0 ? 0 : 1,
            padding * 0x01010101,
          ),
          bindWindow(gpu, from, source.start, source.end).binding,
          bindWindow(gpu, to, target.start, target.end).binding,
        ],
        workgroups: Math.ceil(targetWords / WORKGROUP),
      };
    }),
  );
}

/** Whether every word of the target is one word of the source, or padding. */
function movesWords(from: Layout, to: Layout, bits: number): boolean {
  const unit = Math.max(1, 32 / bits);
  if (unit === 1) return true;
  const boxes = planRelayout(from, to);
  const whole = (count: number): boolean => count % unit === 0;
  return (
    boxes?.every((box) => {
      const last = box.loops.at(-1);
      const runs = last !== undefined && last.from === 1 && last.to === 1 && whole(last.size);
      return (
        runs &&
        whole(box.from) &&
        whole(box.to) &&
        box.loops.slice(0, -1).every((loop) => whole(loop.from) && whole(loop.to))
      );
    }) ?? false
  );
}
