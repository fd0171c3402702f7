import type { Backend } from '../../../backends/backend.ts';
import { openCpu } from '../../../backends/cpu/index.ts';
import type { AdapterKind } from '../../../backends/webgpu/index.ts';
import { DeviceLostError, DeviceMemoryError, openWebGpu } from '../../../backends/webgpu/index.ts';
import { BackendUnavailableError, PreshuffleError } from '../../errors.ts';
import { isIntegerType } from '../../formats/element-type.ts';
import { elementReader, ulpDistance } from '../../golden/codes.ts';
import { compareTensors } from '../../golden/compare.ts';
import { logicalIndexer } from '../../golden/logical-index.ts';
import type { ErrorBound } from '../../ops/op.ts';
import { definitionOf, type OpOperands, type OpParams } from '../../ops/registry.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { caseOf, type Operands, type RunCase } from './run-cases.ts';
import type {
  EngineMessage,
  GpuSide,
  OutputReport,
  RunReport,
  RunRequest,
  RunStep,
  TensorFacts,
} from './run-messages.ts';
import { exampleOf, type RunSpec } from './run-spec.ts';

/** Further runs after the first: at most so many, and no more once they have taken so long. */
const REPEATS = 5;
const REPEAT_MS = 400;

type Outputs = Readonly<Record<string, Tensor>>;

export interface RunHooks {
  readonly adapter?: AdapterKind;
  onStep?(step: RunStep): void;
  /** How WebGPU is opened; tests give a device of their own. */
  openGpu?(): Promise<Backend>;
}

/**
 * Runs an example on the CPU and, where there is one, on a WebGPU device of its own, and compares. What goes wrong on the device is
 * part of the report.
 * @throws PreshuffleError when the operands cannot be made or the op refuses them
 */
export async function runSpec(spec: RunSpec, hooks: RunHooks = {}): Promise<RunReport> {
  const step = hooks.onStep ?? (() => undefined);
  step('operands');
  const planned = caseOf(spec);
  const { op, params, right } = planned;
  const definition = definitionOf(op);
  definition.plan(params, right);
  step('reference');
  const cpu = openCpu();
  const [expected, cpuMs] = await timed(() => run(cpu, planned, right));
  step('bound');
  const [bounds, boundMs] = await timed(async () => definition.bound?.(params, right) ?? {});
  const { side, actual } = await gpuSide(planned, hooks, step);
  step('compare');
  const outputs = Object.entries(expected).map(([name, tensor]) =>
    output(op, name, tensor, actual?.[name], bounds[name]),
  );
  const refusal = refusalOf(planned);
  return {
    spec,
    operands: Object.values(planned.operands).map(factsOf),
    cpuMs,
    cpuName: cpu.device.name,
    ...(definition.bound === undefined ? {} : { boundMs }),
    gpu: side,
    outputs,
    ...(actual === undefined ? {} : { passed: outputs.every(({ comparison }) => comparison?.passed === true) }),
    ...(refusal === undefined ? {} : { refusal }),
  };
}

async function run(backend: Backend, { op, params }: RunCase, operands: Operands): Promise<Outputs> {
  const results = await backend.run(op, params as OpParams<typeof op>, operands as unknown as OpOperands<typeof op>);
  return results as unknown as Outputs;
}

async function timed<T>(action: () => Promise<T>): Promise<readonly [T, number]> {
  const start = performance.now();
  const result = await action();
  return [result, performance.now() - start];
}

/** A device of its own for each run: its first run compiles, and a lost one harms no other. */
async function gpuSide(
  planned: RunCase,
  hooks: RunHooks,
  step: (step: RunStep) => void,
): Promise<{ readonly side: GpuSide; readonly actual?: Outputs }> {
  let backend: Backend | undefined;
  try {
    step('adapter');
    const open = hooks.openGpu ?? (() => openWebGpu({ kind: hooks.adapter ?? 'auto' }));
    const [opened, openMs] = await timed(open);
    backend = opened;
    step('first');
    const [actual, firstMs] = await timed(() => run(opened, planned, planned.operands));
    step('again');
    let againMs = Number.POSITIVE_INFINITY;
    let runs = 0;
    for (let spent = 0; runs < REPEATS && spent < REPEAT_MS; runs += 1) {
      const [, ms] = await timed(() => run(opened, planned, planned.operands));
      againMs = Math.min(againMs, ms);
      spent += ms;
    }
    const { name, facts } = opened.device;
    return { side: { ok: true, device: { name, facts }, openMs, firstMs, againMs, runs }, actual };
  } catch (error) {
    return { side: failure(error, backend) };
  } finally {
    // A device that is gone cannot be put away, and nothing is left to say about it.
    await backend?.dispose().catch(() => undefined);
  }
}

function failure(error: unknown, backend: Backend | undefined): GpuSide {
  const of = error instanceof Error ? error : new Error(String(error));
  const isDevice = of instanceof DeviceLostError || of instanceof DeviceMemoryError;
  const side = {
    ok: false,
    at: backend === undefined ? 'adapter' : isDevice ? 'device' : 'kernel',
    code: of instanceof PreshuffleError ? of.code : of.name,
    message: of instanceof BackendUnavailableError ? of.reason : of.message,
    tried: of instanceof BackendUnavailableError ? of.tried : [],
  } as const;
  return backend === undefined ? side : { ...side, device: { name: backend.device.name, facts: backend.device.facts } };
}

function output(
  op: string,
  name: string,
  expected: Tensor,
  actual: Tensor | undefined,
  bound: ErrorBound | undefined,
): OutputReport {
  const criterion = bound === undefined ? 'bytes' : 'bound';
  const dims = exampleOf(op).dims[name] ?? expected.layout.dims.map((dim) => dim.name);
  const facts = { ...factsOf(expected), name, criterion, dims } as const;
  const e = logicalCodes(expected);
  if (actual === undefined) return { ...facts, expected: e };
  const a = logicalCodes(actual);
  // A permutation defines its padding, too.
  const expectation = {
    output: name,
    expected,
    compare: bound === undefined ? 'exact' : 'bound',
    padding: op === 'permute',
    dims,
  } as const;
  const wrong = new Uint8Array(expected.layout.size);
  const logical = logicalIndexer(expected.layout);
  const comparison = compareTensors(actual, expectation, bound, (offset) => {
    const index = logical(offset);
    if (index !== undefined) wrong[index] = 1;
  });
  return { ...facts, expected: e, actual: a, ulps: distances(expected, actual), wrong, comparison };
}

function logicalCodes(tensor: Tensor): Float64Array {
  const { count, code } = elementReader(tensor);
  const codes = new Float64Array(tensor.layout.size);
  const logical = logicalIndexer(tensor.layout);
  for (let offset = 0; offset < count; offset += 1) {
    const index = logical(offset);
    if (index !== undefined) codes[index] = code(offset);
  }
  return codes;
}

function distances(expected: Tensor, actual: Tensor): Float32Array {
  const { type, layout } = expected;
  const [e, a] = [elementReader(expected), elementReader(actual)];
  const logical = logicalIndexer(layout);
  const ulps = new Float32Array(layout.size);
  for (let offset = 0; offset < e.count; offset += 1) {
    const index = logical(offset);
    const [want, got] = [e.code(offset), a.code(offset)];
    if (index === undefined || want === got) continue;
    const bothNaN = !isIntegerType(type) && Number.isNaN(e.value(offset)) && Number.isNaN(a.value(offset));
    ulps[index] = bothNaN ? 0 : (ulpDistance(type, want, got) ?? -1);
  }
  return ulps;
}

/** The error that a mistake raises when nobody relabels the bytes. */
function refusalOf({ op, params, honest }: RunCase): string | undefined {
  if (honest === undefined) return undefined;
  try {
    definitionOf(op).plan(params, honest);
    return undefined;
  } catch (error) {
    if (error instanceof PreshuffleError) return error.message;
    throw error;
  }
}

function factsOf({ name, type, layout, bytes }: Tensor): TensorFacts {
  return { name, type, shape: layout.shape, layout: layout.id, bytes: bytes.byteLength };
}

/** Answers one request with messages; the last is `done` or `refused`. */
export async function serve({ id, spec, adapter }: RunRequest, send: (message: EngineMessage) => void): Promise<void> {
  try {
    const report = await runSpec(spec, { adapter, onStep: (step) => send({ kind: 'step', id, step }) });
    send({ kind: 'done', id, report });
  } catch (error) {
    const message = error instanceof PreshuffleError ? error.message : `internal error: ${String(error)}`;
    send({ kind: 'refused', id, message });
  }
}
