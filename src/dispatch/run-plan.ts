import type { Backend, DeviceTensor } from '../../backends/backend.ts';
import { OperandError, PreshuffleError } from '../errors.ts';
import type { OpName, OpParams } from '../ops/registry.ts';
import { LayoutMismatchError } from '../tensor/errors.ts';
import { requireScaling, requireType } from '../tensor/expect.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { layoutOf } from './layout-ref.ts';
import type { LayoutRef, Plan, PlanStep, PlanTensor } from './plan.ts';

export type TensorsByName = Readonly<Record<string, Tensor>>;

/** A plan whose weights are on a device, converted. */
export interface LoadedPlan {
  readonly plan: Plan;
  /**
   * Runs the steps of one call.
   * @param tensors the operands of `plan.operands.call`, by name
   * @returns `plan.result` and everything else that no later step reads, by name
   */
  run(tensors: TensorsByName): Promise<TensorsByName>;
  /** Frees the weights. */
  dispose(): void;
}

/**
 * Uploads the weights of a plan and runs its load steps once.
 * @throws OperandError, LayoutMismatchError when a tensor is missing or not what the plan says; UnsupportedOpError
 */
export async function loadPlan(plan: Plan, backend: Backend, tensors: TensorsByName): Promise<LoadedPlan> {
  requireFormat(plan);
  const memory = new Memory(backend);
  try {
    await memory.upload(plan, plan.operands.load, tensors);
    await memory.run(plan, 'load');
  } catch (error) {
    memory.free();
    throw error;
  }
  // A weight that was converted is not needed in its old form.
  memory.keepOnly(readBy(plan, 'call'));
  return {
    plan,
    async run(given) {
      const call = new Memory(backend, memory);
      try {
        await call.upload(plan, plan.operands.call, given);
        await call.run(plan, 'call');
        return await call.download(resultsOf(plan));
      } finally {
        call.free();
      }
    },
    dispose: () => memory.free(),
  };
}

/**
 * Executes a plan from its load steps to its result.
 * @param tensors all operands of the plan, by name
 * @returns the result, and what else the last steps made (a residual sum, for example), by name
 */
export async function runPlan(plan: Plan, backend: Backend, tensors: TensorsByName): Promise<TensorsByName> {
  const loaded = await loadPlan(plan, backend, tensors);
  try {
    return await loaded.run(tensors);
  } finally {
    loaded.dispose();
  }
}

/** Tensors on the device while a phase of a plan runs. */
class Memory {
  readonly #backend: Backend;
  readonly #outer: Memory | undefined;
  readonly #handles = new Map<string, DeviceTensor>();

  constructor(backend: Backend, outer?: Memory) {
    this.#backend = backend;
    this.#outer = outer;
  }

  async upload(plan: Plan, names: readonly string[], tensors: TensorsByName): Promise<void> {
    for (const name of names) {
      const wanted = plan.tensors[name];
      if (wanted === undefined)
        throw new PreshuffleError('plan', `the plan lists operand "${name}" and does not describe it.`);
      const given = requireGiven(wanted, tensors[name], names);
      this.#handles.set(name, await this.#backend.upload({ ...given, name }));
    }
  }

  async run(plan: Plan, when: PlanStep['when']): Promise<void> {
    for (const step of plan.steps.filter((one) => one.when === when)) await this.#step(step);
  }

  async #step(step: PlanStep): Promise<void> {
    if (step.op === undefined) {
      const [from, to] = [Object.values(step.inputs)[0] ?? '', Object.values(step.outputs)[0] ?? ''];
      const layout = layoutOf((step.params as { readonly layout: LayoutRef }).layout);
      const moved = this.#backend.relabel(this.#find(from), { layout, name: to });
      this.#handles.delete(from);
      this.#handles.set(to, moved);
      return;
    }
    const operands = Object.fromEntries(
      Object.entries(step.inputs).map(([operand, name]) => [operand, this.#find(name)]),
    );
    const outputs = await this.#backend.runOnDevice(step.op, opParams(step), operands);
    for (const [output, handle] of Object.entries(outputs)) {
      const name = step.outputs[output];
      if (name === undefined) this.#backend.free(handle);
      else this.#handles.set(name, this.#backend.relabel(handle, { layout: handle.layout, name }));
    }
  }

  async download(names: readonly string[]): Promise<TensorsByName> {
    const entries: [string, Tensor][] = [];
    for (const name of names) entries.push([name, await this.#backend.download(this.#find(name))]);
    return Object.fromEntries(entries);
  }

  keepOnly(names: ReadonlySet<string>): void {
    for (const [name, handle] of this.#handles) {
      if (names.has(name)) continue;
      this.#backend.free(handle);
      this.#handles.delete(name);
    }
  }

  free(): void {
    this.keepOnly(new Set());
  }

  #find(name: string): DeviceTensor {
    const found = this.#handles.get(name) ?? this.#outer?.find(name);
    if (found === undefined)
      throw new PreshuffleError('plan', `no step of the plan makes "${name}", and it is no operand.`);
    return found;
  }

  find(name: string): DeviceTensor | undefined {
    return this.#handles.get(name) ?? this.#outer?.find(name);
  }
}

function requireFormat(plan: Plan): void {
  if (plan.format === 'preshuffle-plan' && plan.formatVersion === 1) return;
  throw new PreshuffleError(
    'plan',
    `this is no plan of format 1 (format is ${JSON.stringify(plan.format)}, version ${JSON.stringify(plan.formatVersion)}). Make it with planLinear().`,
  );
}

/** Holds a given tensor against what the plan says about it. */
export function requireGiven(
  wanted: PlanTensor,
  given: Tensor | undefined,
  names: readonly string[],
  where = 'runPlan',
): Tensor {
  if (given === undefined) {
    throw new OperandError(
      where,
      wanted.name,
      `missing. The plan needs ${names.join(', ')}: "${wanted.name}" is ${wanted.type} [${wanted.layout.shape.join(', ')}] in layout ${wanted.layout.id}.`,
    );
  }
  const layout = layoutOf(wanted.layout);
  requireType(where, { ...given, name: wanted.name }, wanted.type);
  if (wanted.scaling !== undefined) requireScaling(where, { ...given, name: wanted.name }, wanted.scaling);
  const { shape } = given.layout;
  if (shape.length !== layout.shape.length || shape.some((size, axis) => size !== layout.shape[axis])) {
    throw new OperandError(
      where,
      wanted.name,
      `has shape [${shape.join(', ')}], the plan was made for [${layout.shape.join(', ')}]. Plan again for this shape.`,
    );
  }
  if (!given.layout.equals(layout)) {
    throw new LayoutMismatchError(
      where,
      wanted.name,
      given.layout,
      [layout.id],
      `Permute it to ${layout.id}, or plan for what it is.`,
    );
  }
  return given;
}

function opParams(step: PlanStep): OpParams<OpName> {
  const { to, ...rest } = step.params as { readonly to?: LayoutRef };
  return (to === undefined ? rest : { ...rest, to: layoutOf(to) }) as OpParams<OpName>;
}

function readBy(plan: Plan, when: PlanStep['when']): ReadonlySet<string> {
  return new Set(plan.steps.filter((step) => step.when === when).flatMap((step) => Object.values(step.inputs)));
}

/** What the calls make and no step reads. */
function resultsOf(plan: Plan): readonly string[] {
  const read = readBy(plan, 'call');
  const made = plan.steps.filter(({ when }) => when === 'call').flatMap((step) => Object.values(step.outputs));
  return made.filter((name) => !read.has(name));
}
