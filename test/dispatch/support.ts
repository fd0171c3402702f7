import { layoutOf } from '../../src/dispatch/layout-ref.ts';
import type { Plan } from '../../src/dispatch/plan.ts';
import { elementBits } from '../../src/formats/element-type.ts';
import { encodeArray } from '../../src/formats/encode.ts';
import { permute } from '../../src/layout/permute.ts';
import { rowMajor } from '../../src/layout/plain.ts';
import { asBytes, tensor } from '../../src/tensor/make.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/** Numbers that repeat nowhere near each other, of either sign. */
export function wave(count: number, scale: number, phase: number): Float32Array {
  return Float32Array.from(
    { length: count },
    (_, index) => Math.sin(index * 1.37 + phase) * scale * (1 + (index % 17) / 8),
  );
}

/** Scales that differ for every row and group: reading a wrong one shows. */
export function distinctScales(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => 0.01 * 1.07 ** (index % 97) * (1 + index / 1024));
}

/** A value for every operand of a plan, in the layout the plan asks for, and the same row-major. */
export function operandsOf(plan: Plan): {
  readonly given: Readonly<Record<string, Tensor>>;
  readonly plain: Readonly<Record<string, Tensor>>;
} {
  const names = [...plan.operands.load, ...plan.operands.call];
  const entries = names.map((name, at) => {
    const wanted = plan.tensors[name];
    if (wanted === undefined) throw new Error(`no tensor ${name}`);
    const { type } = wanted;
    const { shape } = wanted.layout;
    const count = shape.reduce((product, size) => product * size, 1);
    const values = wanted.scaling === undefined ? wave(count, name.includes('q') ? 100 : 1, at) : distinctScales(count);
    const bytes = type === 'f32' ? asBytes(values) : asBytes(encodeArray(type as 'bf16', values));
    const plain = tensor(name, type, rowMajor(shape), bytes, wanted.scaling);
    const layout = layoutOf(wanted.layout);
    return [
      name,
      plain,
      tensor(name, type, layout, permute(bytes, plain.layout, layout, elementBits(type)), wanted.scaling),
    ] as const;
  });
  return {
    plain: Object.fromEntries(entries.map(([name, plain]) => [name, plain])),
    given: Object.fromEntries(entries.map(([name, , given]) => [name, given])),
  };
}

/** A tensor that must be there. */
export function need(tensors: Readonly<Record<string, Tensor>>, name: string): Tensor {
  const found = tensors[name];
  if (found === undefined) throw new Error(`no tensor ${name}`);
  return found;
}
