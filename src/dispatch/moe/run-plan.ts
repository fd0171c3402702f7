import type { Backend, DeviceTensor } from '../../../backends/backend.ts';
import { PreshuffleError } from '../../errors.ts';
import { elementBits } from '../../formats/element-type.ts';
import { rowMajor } from '../../layout/plain.ts';
import { requireFiniteScales, requireRouting } from '../../moe/checks.ts';
import { padDown, padGateUp } from '../../moe/padding.ts';
import { copyRows } from '../../moe/rows.ts';
import { ops } from '../../ops/registry.ts';
import { tensor } from '../../tensor/make.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { layoutOf } from '../layout-ref.ts';
import { requireGiven, type TensorsByName } from '../run-plan.ts';
import type { MoePlan, MoePlanStep } from './plan.ts';

/** What a call gives. */
export interface MoeResult {
  /** bf16 `[T, H]`. */
  readonly y: Tensor;
  /** bf16 `[T, topk, I]` of this rank, padded: what stage 1 leaves, before it is quantised again. */
  readonly h: Tensor;
}

/** A plan whose experts are on a device, padded and shuffled. */
export interface LoadedMoePlan {
  readonly plan: MoePlan;
  /**
   * Runs one call: both stages through `fused_moe_mxfp4`.
   * @param tensors x, topk_ids, topk_weights as `plan.operands.call` has them
   */
  run(tensors: TensorsByName): Promise<MoeResult>;
  /** Frees the weights. */
  dispose(): void;
}

const WHERE = 'runMoePlan';

/**
 * Converts the weights of a plan once and puts them on a device. Casts and padding run on the host, de-interleave and shuffles
 * on the device; of these only what the op reads.
 * @throws OperandError, LayoutMismatchError when a tensor is missing or not what the plan says; UnsupportedOpError
 */
export async function loadMoePlan(plan: MoePlan, backend: Backend, tensors: TensorsByName): Promise<LoadedMoePlan> {
  requireFormat(plan);
  const weights = new Weights(plan, backend);
  try {
    await weights.load(tensors);
  } catch (error) {
    weights.free();
    throw error;
  }
  return {
    plan,
    run: (given) => runCall(plan, backend, weights, given),
    dispose: () => weights.free(),
  };
}

/**
 * Executes a plan from its load steps to its result, with the arithmetic of `fused_moe_mxfp4` in the scheme and layouts of the plan.
 * @param tensors all operands of the plan, by name
 * @throws OperandError, LayoutMismatchError, UnsupportedOpError
 */
export async function runMoePlan(plan: MoePlan, backend: Backend, tensors: TensorsByName): Promise<MoeResult> {
  const loaded = await loadMoePlan(plan, backend, tensors);
  try {
    return await loaded.run(tensors);
  } finally {
    loaded.dispose();
  }
}

/** The experts, on the host until they are padded, then on the device. */
class Weights {
  readonly #plan: MoePlan;
  readonly #backend: Backend;
  readonly #host = new Map<string, Tensor>();
  readonly #device = new Map<string, DeviceTensor>();

  constructor(plan: MoePlan, backend: Backend) {
    this.#plan = plan;
    this.#backend = backend;
  }

  async load(tensors: TensorsByName): Promise<void> {
    const plan = this.#plan;
    const names = plan.operands.load;
    for (const name of names) {
      const wanted = plan.tensors[name];
      if (wanted === undefined)
        throw new PreshuffleError('plan', `the plan lists operand "${name}" and does not describe it.`);
      const given = requireGiven(wanted, tensors[name], names, WHERE);
      if (given.type === 'e8m0') requireFiniteScales(WHERE, given);
      this.#host.set(name, given);
    }
    const steps = neededSteps(plan);
    for (const [index, step] of steps.entries()) {
      await this.#step(step);
      this.#forget(steps.slice(index + 1));
    }
    for (const name of this.#wanted()) await this.#onDevice(name);
  }

  get(name: string): DeviceTensor {
    const found = this.#device.get(name);
    if (found === undefined)
      throw new PreshuffleError('plan', `no step of the plan makes "${name}", and it is no operand.`);
    return found;
  }

  free(): void {
    for (const handle of this.#device.values()) this.#backend.free(handle);
    this.#device.clear();
    this.#host.clear();
  }

  async #step(step: MoePlanStep): Promise<void> {
    if (step.kind === 'cast') {
      for (const [part, name] of Object.entries(step.inputs)) {
        this.#keep(step, part, ops.decode.reference({}, { x: this.#hostTensor(name) }).y);
      }
      return;
    }
    if (step.kind === 'pad') {
      for (const [part, made] of Object.entries(this.#padded(step))) this.#keep(step, part, made);
      return;
    }
    for (const [part, name] of Object.entries(step.inputs)) {
      const output = step.outputs[part] as string;
      const layout = this.#layout(output);
      const from = await this.#onDevice(name);
      if (step.kind === 'flatten') {
        this.#device.delete(name);
        this.#device.set(output, this.#backend.relabel(from, { layout, name: output }));
        continue;
      }
      const { fill = 0 } = step.params as { readonly fill?: number };
      const { y } = await this.#backend.runOnDevice('permute', { to: layout, fill }, { x: from });
      this.#device.set(output, this.#backend.relabel(y as DeviceTensor, { layout, name: output }));
    }
  }

  /** Pads what of the six tensors is there. */
  #padded(step: MoePlanStep): Readonly<Record<string, Tensor>> {
    const target = step.params as { readonly inter: number; readonly hidden: number; readonly scaleFill: number };
    const parts = Object.fromEntries(
      Object.entries(step.inputs).map(([part, name]) => [part, this.#hostTensor(name)]),
    ) as unknown as Parameters<typeof padGateUp>[0] & Parameters<typeof padDown>[0];
    const { w13, w13_scale, w13_bias, w2, w2_scale, w2_bias } = parts;
    return {
      ...padGateUp({ w13, w13_scale, ...(w13_bias === undefined ? {} : { w13_bias }) }, target),
      ...padDown({ w2, w2_scale, ...(w2_bias === undefined ? {} : { w2_bias }) }, target),
    } as unknown as Readonly<Record<string, Tensor>>;
  }

  #keep(step: MoePlanStep, part: string, made: Tensor): void {
    const name = step.outputs[part];
    if (name !== undefined) this.#host.set(name, { ...made, name });
  }

  /** Frees what neither the op nor a later step reads. */
  #forget(later: readonly MoePlanStep[]): void {
    const read = new Set([...this.#wanted(), ...later.flatMap((step) => Object.values(step.inputs))]);
    for (const name of this.#host.keys()) if (!read.has(name)) this.#host.delete(name);
    for (const [name, handle] of this.#device) {
      if (read.has(name)) continue;
      this.#backend.free(handle);
      this.#device.delete(name);
    }
  }

  async #onDevice(name: string): Promise<DeviceTensor> {
    const found = this.#device.get(name);
    if (found !== undefined) return found;
    const handle = await this.#backend.upload({ ...this.#hostTensor(name), name });
    this.#host.delete(name);
    this.#device.set(name, handle);
    return handle;
  }

  #hostTensor(name: string): Tensor {
    const found = this.#host.get(name);
    if (found === undefined) throw new PreshuffleError('plan', `a step of the plan reads "${name}" before it is made.`);
    return found;
  }

  #layout(name: string): Tensor['layout'] {
    const ref = this.#plan.tensors[name];
    if (ref === undefined) throw new PreshuffleError('plan', `the plan does not describe "${name}".`);
    return layoutOf(ref.layout);
  }

  #wanted(): readonly string[] {
    const call = new Set<string>([...this.#plan.operands.call, this.#plan.run.inputs['x'] ?? '']);
    return Object.values(this.#plan.run.inputs).filter((name) => !call.has(name));
  }
}

/** Load steps that lead to what the op reads, in order. */
function neededSteps(plan: MoePlan): readonly MoePlanStep[] {
  const needed = new Set(Object.values(plan.run.inputs));
  const load = plan.steps.filter(({ when }) => when === 'load');
  const kept: MoePlanStep[] = [];
  for (const step of load.toReversed()) {
    if (!Object.values(step.outputs).some((name) => needed.has(name))) continue;
    kept.push(step);
    for (const name of Object.values(step.inputs)) needed.add(name);
  }
  return kept.reverse();
}

async function runCall(plan: MoePlan, backend: Backend, weights: Weights, tensors: TensorsByName): Promise<MoeResult> {
  const { call } = plan.operands;
  const given = new Map<string, Tensor>();
  for (const name of call) {
    const wanted = plan.tensors[name];
    if (wanted !== undefined) given.set(name, requireGiven(wanted, tensors[name], call, WHERE));
  }
  const ids = given.get('topk_ids');
  if (ids !== undefined) requireRouting(WHERE, ids, plan.sizes.experts);
  const { paddedHidden, hidden } = plan.sizes;
  const own: DeviceTensor[] = [];
  const keep = (handle: DeviceTensor): DeviceTensor => {
    own.push(handle);
    return handle;
  };
  try {
    const operands: Record<string, DeviceTensor> = {};
    for (const [operand, name] of Object.entries(plan.run.inputs)) {
      const host = operand === 'x' ? given.get('x') : given.get(name);
      if (host === undefined) operands[operand] = weights.get(name);
      else {
        const wide = operand === 'x' ? withColumns(host, paddedHidden) : host;
        operands[operand] = keep(await backend.upload({ ...wide, name }));
      }
    }
    const made = await backend.runOnDevice(plan.run.op, plan.run.params, operands);
    for (const handle of Object.values(made)) keep(handle);
    const [y, h] = [
      await backend.download(made['y'] as DeviceTensor),
      await backend.download(made['h'] as DeviceTensor),
    ];
    return { y: { ...withColumns(y, hidden), name: 'y' }, h };
  } finally {
    for (const handle of own) backend.free(handle);
  }
}

/** A row-major matrix with more columns, zeros, or with the first ones only. */
function withColumns(source: Tensor, columns: number): Tensor {
  const [rows = 0, width = 0] = source.layout.shape;
  if (width === columns) return source;
  const bytesOf = (count: number): number => (count * elementBits(source.type)) / 8;
  const bytes = copyRows(
    source.bytes,
    { experts: 1, rows, rowBytes: bytesOf(width) },
    { experts: 1, rows, rowBytes: bytesOf(columns) },
    [{ from: 0, to: 0, count: rows }],
  );
  return tensor(source.name, source.type, rowMajor([rows, columns]), bytes);
}

function requireFormat(plan: MoePlan): void {
  if (plan.format === 'preshuffle-moe-plan' && plan.formatVersion === 1) return;
  throw new PreshuffleError(
    'plan',
    `this is no plan of format 1 (format is ${JSON.stringify(plan.format)}, version ${JSON.stringify(plan.formatVersion)}). Make it with planMoe().`,
  );
}
