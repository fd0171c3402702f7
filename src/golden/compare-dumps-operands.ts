import { type ElementType, elementBits } from '../formats/element-type.ts';
import { encode } from '../formats/encode.ts';
import { formatFacts, isFloatFormat } from '../formats/facts.ts';
import { elementDtype } from '../io/safetensors-dtypes.ts';
import type { Layout } from '../layout/layout.ts';
import type { ErrorBound, OpDefinition } from '../ops/op.ts';
import { type OpName, ops } from '../ops/registry.ts';
import { tensor } from '../tensor/make.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { bindCase } from './bindings/index.ts';
import type { GoldenCase } from './case.ts';
import { CaseReader } from './case-reader.ts';
import type { Expectation, GoldenCheck } from './check.ts';
import { elementReader } from './codes.ts';
import { compareWithBound, type DumpComparison } from './compare-dumps.ts';
import { type Dump, DumpError, type ReadDumpOptions, readDumps } from './compare-dumps-tensor.ts';
import type { GoldenFile } from './run.ts';

/** An output of a golden case, and what its operands allow it to be. */
export interface BoundCase {
  readonly op: string;
  readonly case: string;
  readonly expectation: Expectation;
  readonly bound: ErrorBound;
}

/**
 * Finds the case of a golden file whose operands give the error bound of an op.
 * @param name of the case; may be left out where one case runs the op
 * @throws DumpError, GoldenCaseError
 */
export async function boundCase(golden: GoldenFile, op: string, name?: string): Promise<BoundCase> {
  const { file } = golden;
  const fault = golden.errors[0];
  if (file === undefined || (golden.cases.length === 0 && fault !== undefined)) throw fault as Error;
  const cases = golden.cases.filter((entry) => name === undefined || entry.name === name);
  if (cases.length === 0)
    throw new DumpError(
      `${golden.name} has no case "${name}". It has ${golden.cases.map((entry) => entry.name).join(', ')}.`,
    );
  const found: { readonly entry: GoldenCase; readonly check: GoldenCheck }[] = [];
  for (const entry of cases) {
    const check = (await bindCase(new CaseReader(file, entry))).find((run) => run.op === op);
    if (check !== undefined) found.push({ entry, check });
  }
  const [first, second] = found;
  if (first === undefined) {
    const known = [...new Set(cases.map((entry) => entry.op))].sort();
    throw new DumpError(`${golden.name}: no case runs ${op}. Its cases run ${known.join(', ')}.`);
  }
  if (second !== undefined) {
    const names = found.map(({ entry }) => entry.name).join(', ');
    throw new DumpError(`${golden.name}: ${found.length} cases run ${op}; name one with --case. They are ${names}.`);
  }
  const { check } = first;
  const definition = ops[check.op as OpName] as unknown as OpDefinition;
  const bounds = definition.bound?.(
    check.params,
    (check.boundFrom ?? check.operands) as Readonly<Record<string, Tensor>>,
  );
  const expectation = check.expect.find((entry) => bounds?.[entry.output] !== undefined);
  const bound = expectation === undefined ? undefined : bounds?.[expectation.output];
  if (expectation === undefined || bound === undefined)
    throw new DumpError(`${op} has no error bound: its outputs are exact. Leave out --op and --operands.`);
  return { op, case: first.entry.name, expectation, bound };
}

/**
 * Holds a dump against a reference by the error bound of a case, whose own output neither takes part nor must be right.
 * @param b the reference; the case's own output when left out
 */
export function compareDumpsWithBound(
  a: Dump,
  b: Dump | undefined,
  { expectation, bound, op }: BoundCase,
  options: ReadDumpOptions = {},
): DumpComparison {
  const { expected } = expectation;
  const { shape } = expected.layout;
  const own = { name: expected.name, dtype: elementDtype(expected.type), shape, bytes: expected.bytes };
  const ownLayout = expected.layout.id === 'row-major' || b !== undefined ? {} : { layoutB: expected.layout.id };
  const [left, right] = readDumps(a, b ?? own, { ...ownLayout, ...options });
  if (!sameShape(left.layout, expected.layout)) {
    throw new DumpError(
      `"${a.name}" is [${left.layout.shape.join(', ')}], but ${op} on the operands gives [${shape.join(', ')}]. Give --shape, or other operands.`,
    );
  }
  if (bound.rounding === 'truncate' && left.type !== 'bf16')
    throw new DumpError(
      `"${a.name}" is ${left.type}, but the case truncates to bf16. Give --type bf16, or another tensor.`,
    );
  return compareWithBound(left, roundedTo(right, left.type), bound, op);
}

/** A reference in a wider format than the output stands for what it rounds to; float64 is held as it is. */
function roundedTo(reference: Tensor, type: ElementType): Tensor {
  if (reference.type === type || reference.type === 'f64' || !isFloatFormat(type) || elementBits(type) < 8)
    return reference;
  const reader = elementReader(reference);
  const bytes = new Uint8Array((reader.count * elementBits(type)) / 8);
  const view = new DataView(bytes.buffer);
  const { hasInfinity } = formatFacts(type);
  for (let offset = 0; offset < reader.count; offset += 1) {
    const value = reader.value(offset);
    const code = encode(type, value, { saturate: Number.isFinite(value) && !hasInfinity });
    if (elementBits(type) === 8) view.setUint8(offset, code);
    else if (elementBits(type) === 16) view.setUint16(offset * 2, code, true);
    else if (elementBits(type) === 32) view.setUint32(offset * 4, code, true);
    else view.setFloat64(offset * 8, code, true);
  }
  return tensor(reference.name, type, reference.layout, bytes);
}

function sameShape(a: Layout, b: Layout): boolean {
  return a.shape.length === b.shape.length && a.shape.every((size, axis) => size === b.shape[axis]);
}
