import { ParameterError, PreshuffleError } from '../errors.ts';
import type { ElementType } from '../formats/element-type.ts';
import { elementBits } from '../formats/element-type.ts';
import { bindCase } from '../golden/bindings/index.ts';
import { CaseReader } from '../golden/case-reader.ts';
import type { GoldenCheck } from '../golden/check.ts';
import { openGoldenFile } from '../golden/run.ts';
import type { SafetensorsDtype } from '../io/safetensors-dtypes.ts';
import { type TensorToWrite, writeSafetensors } from '../io/safetensors-write.ts';
import { memorySource } from '../io/source.ts';
import { Layout } from '../layout/layout.ts';
import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import { definitionOf } from '../ops/registry.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { caseForm } from './case-form.ts';

/** A tensor of a case file. */
export interface CaseTensor {
  /** Name in the file, after `CASE/`. */
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  /** As stored: two fp4 codes count as one. */
  readonly shape: readonly number[];
  readonly tensor: Tensor;
}

/** A golden file with one case. */
export interface CaseFile {
  readonly case: string;
  readonly bytes: Uint8Array;
  /** By the names that the op has for them. */
  readonly operands: Readonly<Record<string, CaseTensor>>;
  readonly outputs: Readonly<Record<string, CaseTensor>>;
}

export interface WriteCaseOptions {
  /** Name of the case. Default: the op. */
  readonly name?: string;
  /** Where the inputs come from. */
  readonly note?: string;
  /** What the reference gives, where it is known already. */
  readonly outputs?: NamedTensors;
  /** More keys of the case, such as the incident that it is. */
  readonly keys?: Readonly<Record<string, unknown>>;
  /** More tensors of the case, such as what went wrong. */
  readonly tensors?: NamedTensors;
}

/**
 * A golden file with one call and what the CPU reference gives for it. It is read back before it is returned: a case that would not
 * reproduce the very call is no case.
 *
 * @throws ParameterError for a parameter or an operand that golden cases of this op cannot express
 */
export async function writeCase(call: KernelCall, options: WriteCaseOptions = {}): Promise<CaseFile> {
  const { name = call.op, note = '' } = options;
  const form = caseForm(call);
  const outputs: NamedTensors = options.outputs ?? definitionOf(call.op).reference(call.params, call.operands);
  const stored = (tensors: NamedTensors, names: Readonly<Record<string, string>>): Record<string, CaseTensor> =>
    Object.fromEntries(Object.entries(tensors).map(([own, tensor]) => [own, storedTensor(names[own] ?? own, tensor)]));
  const written = { operands: stored(call.operands, form.operands), outputs: stored(outputs, form.outputs) };
  const more = Object.entries(options.tensors ?? {}).map(([own, tensor]) => storedTensor(own, tensor));
  const tensors = [...Object.values(written.operands), ...Object.values(written.outputs), ...more].map(
    ({ name: own, dtype, shape, tensor }): TensorToWrite => ({
      name: `${name}/${own}`,
      dtype,
      shape,
      bytes: tensor.bytes,
    }),
  );
  const { convention = 'torch' } = call.params as { readonly convention?: string };
  const source = `preshuffle CPU reference${convention === 'torch' ? '' : `, ${convention} convention`}`;
  const bytes = writeSafetensors(tensors, {
    [`case:${name}`]: JSON.stringify({ op: form.op, ...form.keys, source, note, ...options.keys }),
  });
  await requireSameCall(call, bytes);
  return { case: name, bytes, ...written };
}

/** Raw codes under the integer type of their width, as golden files hold them. */
const DTYPES: Readonly<Record<number, SafetensorsDtype>> = { 4: 'U8', 8: 'U8', 16: 'I16', 32: 'I32', 64: 'I64' };

function storedTensor(name: string, tensor: Tensor): CaseTensor {
  const bits = elementBits(tensor.type);
  const shape = storedShape(tensor);
  const last = shape.length - 1;
  return {
    name,
    dtype: floatDtype(tensor.type) ?? DTYPES[bits] ?? 'U8',
    shape: bits === 4 ? shape.map((size, axis) => (axis === last ? size / 2 : size)) : shape,
    tensor,
  };
}

function floatDtype(type: ElementType): SafetensorsDtype | undefined {
  return type === 'f32' ? 'F32' : type === 'f64' ? 'F64' : undefined;
}

/** Shape of the stored buffer: matrices that lie column by column have their columns first. */
function storedShape({ layout }: Tensor): readonly number[] {
  const { id, shape, storageShape } = layout;
  switch (id) {
    case 'scale-tv':
    case 'scale-cm':
      return shape.toReversed();
    case 'scale-tma-aligned': {
      const [rows = 1, columns = 1] = storageShape.slice(-2);
      return [...storageShape.slice(0, -2), columns, rows];
    }
    default:
      return storageShape;
  }
}

/** Reads the case back. */
async function requireSameCall(call: KernelCall, bytes: Uint8Array): Promise<void> {
  const golden = await openGoldenFile(memorySource(bytes, 'case'));
  const [entry] = golden.cases;
  if (golden.file === undefined || entry === undefined) throw golden.errors[0] ?? notExpressed('case', 'is lost.');
  let checks: readonly GoldenCheck[];
  try {
    checks = await bindCase(new CaseReader(golden.file, entry));
  } catch (error) {
    if (!(error instanceof PreshuffleError)) throw error;
    throw notExpressed('params', `cannot be written: ${error.message}`);
  }
  const found = checks.find(({ op }) => op === call.op);
  if (found === undefined) throw notExpressed('op', `is ${call.op}, which no golden case runs.`);
  const params = found.params as Readonly<Record<string, unknown>>;
  for (const [name, value] of Object.entries(call.params)) {
    if (same(value, params[name])) continue;
    throw notExpressed(
      name,
      `is ${describe(value)}, which golden cases of ${call.op} cannot express: read back it is ${describe(params[name])}. ` +
        'Leave it out, or hold such outputs against the reference with the library (docs/golden-format.md).',
    );
  }
  const operands = found.operands as NamedTensors;
  for (const [name, { bytes: own, type }] of Object.entries(call.operands)) {
    const read = operands[name];
    if (read?.type === type && sameBytes(read.bytes, own)) continue;
    throw notExpressed(name, `is an operand that golden cases of ${call.op} cannot hold as it is.`);
  }
}

function notExpressed(parameter: string, problem: string): ParameterError {
  return new ParameterError('writeCase', parameter, problem);
}

function same(a: unknown, b: unknown): boolean {
  if (a instanceof Layout && b instanceof Layout) return a.equals(b);
  return JSON.stringify(a) === JSON.stringify(b);
}

function describe(value: unknown): string {
  return value instanceof Layout ? value.id : (JSON.stringify(value) ?? 'left out');
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
