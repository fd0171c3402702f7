import { type ElementType, elementBits } from '../../formats/element-type.ts';
import { resolveLayout, SceneError } from './layout-ref.ts';
import { RUN_EXAMPLES, type RunAxis, type RunExample, type RunOption } from './run-examples.ts';
import { DEFAULT_SCENE, type Scene } from './scene.ts';

/** One run, as plain data: it travels to the worker and into the history. */
export interface RunSpec {
  readonly example: RunExample['id'];
  /** Logical shape of the example's operand. */
  readonly shape: readonly number[];
  readonly type: ElementType;
  /** Reference of the layout that the operand is stored in; see `resolveLayout`. */
  readonly from: string;
  /** Reference of the layout that it is moved to (permute), or that the kernel reads (weights). */
  readonly to: string;
  /** Experts stacked in the rows, for layouts of scales. */
  readonly experts: number;
  /** A value for every option of the example. */
  readonly options: Readonly<Record<string, string | number>>;
}

/** @throws SceneError naming the known ones */
export function exampleOf(id: string): RunExample {
  const found = RUN_EXAMPLES.find((example) => example.id === id);
  if (found !== undefined) return found;
  throw new SceneError(`Example "${id}" is not known; there are ${RUN_EXAMPLES.map((known) => known.id).join(', ')}.`);
}

/** An example as the menu offers it. */
export function defaultSpec(example: RunExample): RunSpec {
  const { id, axes, types, options, mistake } = example;
  return {
    example: id,
    shape: axes?.map(({ value }) => value) ?? DEFAULT_SCENE.shape,
    type: types?.[0] ?? DEFAULT_SCENE.type,
    from: mistake?.reads ?? 'row-major',
    to: mistake?.reads ?? (axes === undefined ? DEFAULT_SCENE.a : 'row-major'),
    experts: 1,
    options: Object.fromEntries(options.map((option) => [option.id, option.value])),
  };
}

/**
 * The run that a scene stands for. The example and its options are in `topic`, as in `mxfp8_quant(mode=Even)`; what a scene leaves
 * at its default and the example does not take is as in `defaultSpec`.
 * @throws SceneError
 */
export function specOf(scene: Scene): RunSpec {
  const [, id = '', list = ''] = /^(\w*)(?:\((.*)\))?$/.exec(scene.topic ?? 'permute') ?? [];
  const example = exampleOf(id);
  const usual = defaultSpec(example);
  return {
    ...usual,
    shape: sameShape(scene.shape, DEFAULT_SCENE.shape) && !takes(example, scene.shape) ? usual.shape : scene.shape,
    type: scene.type === DEFAULT_SCENE.type && example.types?.includes(scene.type) === false ? usual.type : scene.type,
    ...layoutsOf(example, scene),
    experts: scene.experts,
    options: { ...usual.options, ...parseOptions(example, list) },
  };
}

function layoutsOf(example: RunExample, { a, b }: Scene): Partial<RunSpec> {
  if (example.axes === undefined) return b === undefined ? { from: 'row-major', to: a } : { from: a, to: b };
  return example.mistake !== undefined && b !== undefined ? { from: a } : {};
}

/** The fields of a scene that say what runs. The other screens show the operand and, where there are two, both layouts. */
export function sceneOf(spec: RunSpec): Partial<Scene> {
  const example = exampleOf(spec.example);
  const given = example.options.filter(({ id, value }) => spec.options[id] !== value);
  const list = given.map(({ id }) => `${id}=${spec.options[id]}`).join(',');
  const { from, to } = layoutsIn(spec);
  return {
    topic: list === '' ? spec.example : `${spec.example}(${list})`,
    shape: spec.shape,
    type: spec.type,
    a: from,
    b: to,
    experts: spec.experts,
  };
}

/** How the operand is stored and how it is read, mistakes of a mixture of experts included where a layout describes them. */
export function layoutsIn(spec: RunSpec): Pick<RunSpec, 'from' | 'to'> {
  const { gate, wrong } = spec.options;
  if (gate === undefined) return spec;
  const separated = 'shuffle_weight(16,16)';
  const interleave = 'shuffle_weight(guinterleave,gate_up)';
  const [to, other] = gate === 'interleave' ? [interleave, separated] : [separated, interleave];
  const stored: Readonly<Record<string, string>> = {
    'deinterleave-forgotten': `gate_up_interleaved+${to}`,
    'deinterleaved-twice': `gate_up_split_twice+${to}`,
    'other-gate-mode': other,
    'shuffle-dropped': 'row-major',
  };
  return { from: stored[String(wrong)] ?? to, to };
}

/**
 * What can be said against a run before anything is loaded.
 * @throws SceneError, and what `resolveLayout` throws
 */
export function checkSpec(spec: RunSpec): void {
  const example = exampleOf(spec.example);
  const { axes, types, options, work, mistake } = example;
  if (types?.includes(spec.type) === false)
    throw new SceneError(`${spec.example}: ${example.operand} is ${types.join(', ')}; ${spec.type} was given.`);
  if (axes !== undefined && axes.length !== spec.shape.length)
    throw new SceneError(
      `${spec.example}: ${example.operand} has the sizes ${axes.map(({ name }) => name).join(', ')}; [${spec.shape.join(', ')}] was given.`,
    );
  axes?.forEach((axis, at) => {
    requireSize(spec.example, axis, spec.shape[at] as number);
  });
  for (const option of options) requireOption(spec.example, option, spec.options[option.id]);
  const count = work.count(spec.shape, (id) => Number(spec.options[id]));
  if (count > work.most)
    throw new SceneError(
      `${spec.example}: ${count.toLocaleString('en')} ${work.unit} are more than the ${work.most.toLocaleString('en')} that a software ` +
        'adapter manages within seconds. Make a size smaller.',
    );
  if (axes !== undefined && mistake === undefined) return;
  const params = { bits: elementBits(spec.type), experts: spec.experts };
  const [from, to] = [spec.from, spec.to].map((ref) => resolveLayout(ref, spec.shape, params).layout);
  if (mistake !== undefined && from?.storageSize !== to?.storageSize)
    throw new SceneError(
      `${spec.example}: a weight in ${spec.from} takes ${from?.storageSize} elements of memory, the kernel reads ${to?.storageSize}. ` +
        'Choose a layout without padding.',
    );
}

/** Whether a mistake is injected. */
export function isMistaken(spec: RunSpec): boolean {
  const { mistake } = exampleOf(spec.example);
  return mistake === undefined ? (spec.options['wrong'] ?? 'none') !== 'none' : spec.from !== mistake.reads;
}

/** Short: `M=17 N=256 K=256 e4m3fn bf16`. */
export function specText(spec: RunSpec): string {
  const { axes, options } = exampleOf(spec.example);
  const sizes = spec.shape.map((size, at) => (axes === undefined ? String(size) : `${axes[at]?.name}=${size}`));
  const shape = axes === undefined ? [`[${sizes.join(', ')}]`] : sizes;
  const chosen = options.flatMap(({ id, kind, value }) => {
    const now = spec.options[id];
    if (kind === 'number') return [`${id}=${now}`];
    return now === value ? [] : [id === 'wrong' ? `mistake: ${now}` : String(now)];
  });
  const layouts = axes === undefined ? [`${spec.from} → ${spec.to}`] : [];
  const stored = axes !== undefined && spec.from !== spec.to ? [`mistake: stored ${spec.from}`] : [];
  return [...shape, spec.type, ...layouts, ...chosen, ...stored].join(' ');
}

function parseOptions(example: RunExample, list: string): Record<string, string | number> {
  const entries = list
    .split(',')
    .filter((part) => part !== '')
    .map((part): [string, string | number] => {
      const at = part.indexOf('=');
      const [id, text] = [part.slice(0, at), part.slice(at + 1)];
      const option = example.options.find((known) => known.id === id);
      if (option === undefined)
        throw new SceneError(
          `${example.id}: option "${id}" is not known; there are ${example.options.map((known) => known.id).join(', ')}.`,
        );
      return [id, option.kind === 'number' ? Number(text) : text];
    });
  return Object.fromEntries(entries);
}

function requireSize(example: string, { name, meaning, min, max, multiple }: RunAxis, size: number): void {
  if (Number.isSafeInteger(size) && size >= min && size <= max && size % multiple === 0) return;
  const of = multiple === 1 ? '' : ` in steps of ${multiple}`;
  throw new SceneError(`${example}: ${name} (${meaning}) is ${size}, expected ${min} to ${max}${of}.`);
}

function requireOption(example: string, option: RunOption, value: string | number | undefined): void {
  const { label } = option;
  if (option.kind === 'number') {
    const { min, max } = option;
    if (Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max) return;
    throw new SceneError(`${example}: ${label} is ${value}, expected ${min} to ${max}.`);
  }
  if (option.choices.some((known) => known.value === value)) return;
  const known = option.choices.map((one) => one.value).join(', ');
  throw new SceneError(`${example}: ${label} is "${value}", expected one of ${known}.`);
}

function takes({ axes }: RunExample, shape: readonly number[]): boolean {
  if (axes === undefined) return true;
  const fits = (size: number, { min, max, multiple }: RunAxis): boolean =>
    size >= min && size <= max && size % multiple === 0;
  return axes.length === shape.length && axes.every((axis, at) => fits(shape[at] as number, axis));
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, at) => size === b[at]);
}
