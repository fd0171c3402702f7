import { type ElementType, elementBits, isIntegerType } from '../formats/element-type.ts';
import { dtypeElement } from '../io/safetensors-dtypes.ts';
import { rowMajor } from '../layout/plain.ts';
import type { NamedTensors } from '../ops/kernel-call.ts';
import { storageBytes, tensor } from '../tensor/make.ts';
import type { Tensor, TensorSpec } from '../tensor/tensor.ts';
import { InputError } from './inputs.ts';
import { listOfNames } from './nearest-names.ts';
import { listTensorArgument, type TensorArgument } from './tensor-argument.ts';

type Listed = Awaited<ReturnType<typeof listTensorArgument>>;

/** What outputs may be called in a user's file, and what they have to be. */
export interface WantedOutputs {
  /** The option that is being read, for errors. */
  readonly option: '--actual' | '--expected';
  readonly op: string;
  readonly case: string;
  /** What the op's plan says, by the op's names. */
  readonly specs: Readonly<Record<string, TensorSpec>>;
  /** Names that the case has for them, by the op's names. */
  readonly caseNames: Readonly<Record<string, readonly string[]>>;
}

/**
 * Reads the outputs of an op from an argument: the tensors of a file that are called as the op or the case calls its outputs, or the one
 * tensor of `FILE:TENSOR`, of an npy file or of raw bytes, where the op has one output.
 * @throws InputError where names, types or shapes do not fit
 */
export async function readOutputs(argument: string, wanted: WantedOutputs): Promise<NamedTensors> {
  const listed = await listTensorArgument(argument);
  try {
    const chosen = assign(argument, listed, wanted);
    const outputs: Record<string, Tensor> = {};
    for (const [output, name] of chosen) {
      const spec = wanted.specs[output];
      if (spec !== undefined) outputs[output] = asOutput(await listed.read(name), spec, output, wanted);
    }
    return outputs;
  } finally {
    await listed.close();
  }
}

/** Pairs of an output and the tensor of the file that holds it: by name; a single tensor also by its shape. */
function assign(
  argument: string,
  { entries }: Listed,
  { option, op, case: caseName, specs, caseNames }: WantedOutputs,
): readonly (readonly [string, string])[] {
  const outputs = Object.keys(specs);
  const names = [...entries.keys()];
  const pairs = outputs.flatMap((output) => {
    const own = [output, ...(caseNames[output] ?? [])];
    const name = [...own, ...own.map((short) => `${caseName}/${short}`)].find((known) => names.includes(known));
    return name === undefined ? [] : [[output, name] as const];
  });
  if (pairs.length > 0) return pairs;
  const [only = ''] = names;
  const { shape } = entries.get(only) ?? {};
  const fitting = outputs.filter(
    (output) => shape !== undefined && sameButOnes(shape, specs[output]?.layout.shape ?? []),
  );
  const [found = outputs[0] ?? ''] = fitting;
  if (names.length === 1 && (outputs.length === 1 || fitting.length === 1)) return [[found, only]];
  const whose = `${op} has ${outputs.length === 1 ? 'the output' : 'several outputs,'} ${outputs.join(', ')}`;
  if (names.length === 1)
    throw new InputError(
      `${option} ${argument}: ${whose}, and neither the name nor the shape of "${only}" says which it is. ` +
        'Save it in a safetensors file under the name of its output.',
    );
  throw new InputError(
    `${option} ${argument}: ${whose}, and no tensor is called so. It has ${listOfNames(names)}; ` +
      (outputs.length === 1 ? `name one as ${argument}:TENSOR.` : 'name the tensors after the outputs.'),
  );
}

function asOutput(given: TensorArgument, spec: TensorSpec, output: string, { option, op }: WantedOutputs): Tensor {
  const where = `${option} ${given.file}: "${given.name}"`;
  const type = typeOf(given, spec.type);
  if (type === undefined)
    throw new InputError(
      `${where} is ${given.dtype}, but ${output} of ${op} is ${spec.type}. ` +
        (isIntegerType(spec.type)
          ? 'Save it as integers.'
          : `Save it as ${spec.type}, as a wider float, or its codes as ${storedBits(spec.type)}-bit integers.`),
    );
  const { shape } = spec.layout;
  const plain = rowMajor(shape);
  if (given.shape === undefined) {
    // Raw bytes: as torch writes them, or, where only that fits, as the op stores them.
    for (const layout of [plain, spec.layout])
      if (given.bytes.byteLength === storageBytes({ type, layout }))
        return tensor(given.name, type, layout, given.bytes);
    throw new InputError(
      `${where} is ${given.bytes.byteLength} raw bytes, but ${output} of ${op} is ${type} ${list(shape)}, which takes ` +
        `${storageBytes({ type, layout: plain })}. Save it with its type as safetensors or npy.`,
    );
  }
  const own = ownShape(given, type);
  if (sameButOnes(own, shape)) return tensor(given.name, type, plain, given.bytes);
  const padded = type === spec.type && given.bytes.byteLength === storageBytes(spec);
  if (padded && spec.layout.storageSize !== spec.layout.size) return tensor(given.name, type, spec.layout, given.bytes);
  const turned = sameButOnes(own, shape.toReversed()) ? ' If it is transposed, save it with .T.contiguous().' : '';
  throw new InputError(
    `${where} has shape ${list(own)}, but ${output} of ${op} on these operands is ${list(shape)}. ` +
      `Give the output of this very call, or the operands that belong to it.${turned}`,
  );
}

/** The type as which a dump is read: its own, if it is a float too, or the op's, of which it holds codes. */
function typeOf({ dtype }: TensorArgument, wanted: ElementType): ElementType | undefined {
  if (dtype === undefined) return wanted;
  const stored = dtypeElement(dtype);
  if (stored === undefined) return undefined;
  if (isIntegerType(stored) && elementBits(stored) === storedBits(wanted)) return wanted;
  return isIntegerType(stored) === isIntegerType(wanted) ? stored : undefined;
}

/** fp4 is stored two codes a byte. */
function storedBits(type: ElementType): number {
  return Math.max(8, elementBits(type));
}

/** Shape in elements: of packed fp4 in bytes the last dimension counts twice. */
function ownShape({ shape = [], dtype }: TensorArgument, type: ElementType): readonly number[] {
  if (elementBits(type) !== 4 || dtype === 'F4') return shape;
  return shape.map((size, axis) => (axis === shape.length - 1 ? 2 * size : size));
}

/** Frameworks add and drop dimensions of one. */
function sameButOnes(a: readonly number[], b: readonly number[]): boolean {
  const [one, two] = [a, b].map((sizes) => sizes.filter((size) => size !== 1).join());
  return one === two;
}

function list(sizes: readonly number[]): string {
  return `[${sizes.join(', ')}]`;
}
