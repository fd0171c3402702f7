import type { BlockScaleKernelId, ScaleState } from '../../dispatch/kernels.ts';
import type { LinearProducer, LinearSpec, ScaleConversionMode } from '../../dispatch/linear-spec.ts';
import { modelLayers } from '../../dispatch/models.ts';
import type { GemmBackend } from '../../dispatch/rules/gemm-backend.ts';
import { LayoutMismatchError } from '../../tensor/errors.ts';
import { EXIT } from '../exit-codes.ts';
import { InputError } from '../inputs.ts';
import { comparePlans, renderComparison } from './compare.ts';
import { copies, renderPlan } from './plan-text.ts';
import { attempt, type Planned } from './planned.ts';
import { formatBytes, plainTable } from './text.ts';

export interface LinearOptions {
  readonly m?: number;
  readonly n?: number;
  readonly k?: number;
  readonly arch: string;
  readonly rocm?: string;
  readonly rules: string;
  readonly compare?: string;
  readonly model?: string;
  readonly tp?: number;
  readonly layer?: string;
  readonly scheme?: 'block' | 'per-channel';
  readonly dtype?: 'bf16' | 'f16';
  readonly producer?: LinearProducer;
  readonly scale?: ScaleState;
  readonly conversion?: ScaleConversionMode;
  readonly kernel?: BlockScaleKernelId;
  readonly backend?: GemmBackend | 'auto';
  readonly residual?: boolean;
  readonly aiter: boolean;
  readonly forceCk?: boolean;
  readonly forceCkAtLoad?: boolean;
  readonly keepPlain?: boolean;
  readonly bpreshuffleGfx942?: boolean;
  readonly deepgemm: boolean;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** `preshuffle explain linear`. Returns the exit code. */
export function explainLinear(options: LinearOptions): number {
  const specs = specsOf(options);
  if (options.compare !== undefined) return compare(specs, options.compare, options.json === true);
  const planned = specs.map(attempt);
  const [only] = planned;
  if (planned.length === 1 && only !== undefined && 'refused' in only) throw only.refused;
  if (options.json === true)
    print(JSON.stringify(planned.length === 1 ? jsonOf(only as Planned) : planned.map(jsonOf)));
  else if (only !== undefined && 'plan' in only && planned.length === 1)
    print(renderPlan(only.plan, options.verbose === true));
  else print(renderModel(planned));
  return exitOf(planned);
}

function compare(specs: readonly LinearSpec[], names: string, json: boolean): number {
  const [before, after, ...rest] = names.split(',').map((name) => name.trim());
  if (before === undefined || after === undefined || before === '' || after === '' || rest.length > 0) {
    throw new InputError(`--compare is "${names}", expected two states of the source, such as pr-23319,current.`);
  }
  const pairs = specs.map((spec) => {
    // What changed upstream shows only where nothing is mended.
    const asUpstream = { scaleConversion: 'upstream', ...spec } as const;
    return { before: attempt({ ...asUpstream, rules: before }), after: attempt({ ...asUpstream, rules: after }) };
  });
  for (const pair of pairs) for (const side of [pair.before, pair.after]) rethrowUsage(side);
  const comparisons = pairs.map((pair) => comparePlans(pair.before, pair.after));
  print(json ? JSON.stringify(comparisons) : comparisons.map(renderComparison).join('\n\n'));
  return exitOf(pairs.flatMap((pair) => [pair.before, pair.after]));
}

/** A plan that a version of the source gets wrong is an answer; a bad argument is not. */
function rethrowUsage(side: Planned): void {
  if ('refused' in side && !(side.refused instanceof LayoutMismatchError)) throw side.refused;
}

function exitOf(planned: readonly Planned[]): number {
  const refusals = planned.flatMap((one) => ('refused' in one ? [one.refused] : []));
  if (refusals.some((error) => !(error instanceof LayoutMismatchError))) return EXIT.usage;
  return refusals.length > 0 ? EXIT.mismatch : EXIT.ok;
}

function jsonOf(planned: Planned): object {
  if ('plan' in planned) return planned.plan;
  const { code, message } = planned.refused;
  return { spec: planned.spec, refused: { code, message } };
}

function specsOf(options: LinearOptions): readonly LinearSpec[] {
  const { m, n, k, model } = options;
  if (m === undefined) throw new InputError('--m is missing: the number of tokens.');
  const machine = withoutUndefined({
    m,
    arch: options.arch,
    rocm: options.rocm,
    rules: options.rules,
    scheme: options.scheme,
    dtype: options.dtype,
    producer: options.producer,
    scale: options.scale,
    scaleConversion: options.conversion,
    kernel: options.kernel,
    backend: options.backend,
    residual: options.residual,
    useAiter: options.aiter ? undefined : false,
    forceCk: options.forceCk,
    forceCkAtLoad: options.forceCkAtLoad,
    keepPlain: options.keepPlain,
    bpreshuffleGfx942: options.bpreshuffleGfx942,
    jitDeepgemm: options.deepgemm ? undefined : false,
  });
  if (model === undefined) {
    if (n === undefined || k === undefined) {
      throw new InputError('--n and --k are missing: the sizes of the weight on this rank. Or name a --model.');
    }
    const layer = options.layer === undefined ? {} : { layer: options.layer };
    return [{ ...machine, ...layer, n, k } as LinearSpec];
  }
  if (n !== undefined || k !== undefined) throw new InputError('--model gives the shapes; leave --n and --k away.');
  const layers = modelLayers(model, options.tp).filter(
    ({ layer }) => options.layer === undefined || layer === options.layer,
  );
  if (layers.length === 0) {
    const known = modelLayers(model, options.tp).map(({ layer }) => layer);
    throw new InputError(`--layer is "${options.layer}", expected one of ${known.join(', ')} of ${model}.`);
  }
  const nvidia = options.arch.startsWith('sm');
  // The fused producers of the presets are AITER's.
  return layers.map((layer) => ({ ...layer, ...(nvidia ? { producer: 'linear' } : {}), ...machine }) as LinearSpec);
}

function withoutUndefined<T extends object>(given: T): Partial<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function renderModel(planned: readonly Planned[]): string {
  const rows = planned.map((one) => {
    const { layer = 'linear', n, k, producer = 'linear' } = one.spec;
    const head = [layer, String(n), String(k), producer];
    if ('refused' in one) return [...head, 'refused', one.refused.message, '', ''];
    const { plan } = one;
    const weight = plan.tensors[plan.steps.at(-1)?.inputs['w'] ?? '']?.layout.id ?? '';
    const { bytesRead, bytesWritten } = plan.cost.call;
    return [...head, plan.kernel, weight, copies(plan), formatBytes(bytesRead + bytesWritten)];
  });
  return plainTable(['layer', 'n', 'k', 'input by', 'kernel', 'weight', 'every call', 'bytes'], rows, [
    'left',
    'right',
    'right',
    'left',
    'left',
    'left',
    'left',
    'right',
  ]);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
