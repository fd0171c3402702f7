import { OperandError, ParameterError } from '../errors.ts';
import { LayoutMismatchError } from '../tensor/errors.ts';
import { type BlockScaleKernel, type BlockScaleKernelId, blockScaleKernel } from './kernels.ts';
import { type LinearSpec, type ResolvedLinear, SCALE_GROUP } from './linear-spec.ts';
import type { Plan } from './plan.ts';
import { addBlockActivation } from './plan-activation.ts';
import { PlanBuilder } from './plan-builder.ts';
import { addScaleConversion, scalePath } from './plan-scale.ts';
import { addWeightOperands, addWeightPreprocess, type PreparedWeight } from './plan-weight.ts';
import { type Decision, decide } from './rule.ts';
import { type LinearFp8BlockChoice, linearFp8Block } from './rules/linear-fp8-block.ts';
import { weightPreprocess } from './rules/weight-preprocess.ts';
import { requireHipVersion } from './versions.ts';

/** The kernel of each choice unless a spec pins another of the same family. */
const DEFAULT_KERNEL: Readonly<Record<LinearFp8BlockChoice, BlockScaleKernelId>> = {
  'aiter-bpreshuffle': 'ck-bpreshuffle',
  'aiter-ck': 'ck',
  'aiter-triton': 'triton',
  'sglang-triton': 'sglang-triton',
};

const FAMILY: Readonly<Record<LinearFp8BlockChoice, readonly BlockScaleKernelId[]>> = {
  'aiter-bpreshuffle': [
    'ck-bpreshuffle',
    'asm-bpreshuffle',
    'cktile-bpreshuffle',
    'cktile-bpreshuffle-8warp',
    'triton-preshuffle',
  ],
  'aiter-ck': ['ck', 'cktile', 'cktile-8warp'],
  'aiter-triton': ['triton'],
  'sglang-triton': ['sglang-triton'],
};

/** The plan of a block-scaled layer on AMD. */
export function planAiterBlock(
  linear: ResolvedLinear,
  spec: LinearSpec,
  before: readonly Decision[],
): Plan<LinearSpec> {
  const version = requireHipVersion(linear.rules);
  const { useAiter, arch, rocm, n, k, m, forceCk, keepPlain, bpreshuffleGfx942 } = linear;
  const shared = { useAiter, arch: arch.id, gfx95: arch.gfx95, rocm, n, k, bpreshuffleGfx942 };
  const multiply = decide(linearFp8Block, version, { ...shared, m, forceCk });
  const load = decide(weightPreprocess, version, { ...shared, forceCk: linear.forceCkAtLoad, keepPlain });
  const kernel = kernelOf(linear, multiply.choice);
  requireShape(linear, kernel);
  const path = scalePath(linear, multiply.choice, kernel);
  const warnings: string[] = [];
  const out = outputType(linear, warnings);
  if (!kernel.outTypes.includes(out)) {
    throw new ParameterError(
      `plan of ${linear.layer}`,
      'dtype',
      `is ${out}, but ${kernel.id} writes ${kernel.outTypes.join(' or ')} only. Pin another kernel, or compute in bf16.`,
    );
  }

  const builder = new PlanBuilder();
  const checkpoint = addWeightOperands(builder, linear, [Math.ceil(n / SCALE_GROUP), linear.groups]);
  const weight = addWeightPreprocess(builder, linear, checkpoint, load.choice);
  const math = kernel.id === 'sglang-triton' ? 'sglang-triton' : 'hip';
  const activation = addBlockActivation(builder, linear, path.produced, math);
  const scale = addScaleConversion(builder, activation.scale, linear, path);
  const shuffled = kernel.weight !== 'row-major';
  requireSameWeight(builder, linear, weight, kernel, load, multiply);
  builder.op(
    shuffled ? 'gemm_a8w8_blockscale_bpreshuffle' : 'gemm_a8w8_blockscale',
    { out, math: kernel.math, ...(kernel.rounding === undefined ? {} : { rounding: kernel.rounding }) },
    { x: activation.x, w: weight.w, x_scale: scale, w_scale: weight.scale },
    { y: 'y' },
    { kind: 'gemm', when: 'call', reason: kernel.title, upstream: kernel.source },
  );
  if (kernel.note !== undefined) warnings.push(`${kernel.id}: ${kernel.note}`);
  return builder.finish({
    spec,
    rules: version,
    kernel: kernel.id,
    decisions: [...before, multiply, load, ...path.decisions],
    result: 'y',
    warnings,
  });
}

function kernelOf(linear: ResolvedLinear, choice: LinearFp8BlockChoice): BlockScaleKernel {
  const id = linear.kernel ?? DEFAULT_KERNEL[choice];
  if (!FAMILY[choice].includes(id)) {
    throw new ParameterError(
      `plan of ${linear.layer}`,
      'kernel',
      `is ${id}, but the rules choose ${choice} for (n, k) = (${linear.n}, ${linear.k}), which is one of ${FAMILY[choice].join(', ')}.`,
    );
  }
  return blockScaleKernel(id);
}

function requireShape({ layer, n, k }: ResolvedLinear, { id, multipleOf }: BlockScaleKernel): void {
  if (n % multipleOf.n === 0 && k % multipleOf.k === 0) return;
  throw new OperandError(
    `plan of ${layer}`,
    'weight',
    `has shape [${n}, ${k}], but ${id} needs N a multiple of ${multipleOf.n} and K of ${multipleOf.k}. ` +
      `Pad it with zeros to [${Math.ceil(n / multipleOf.n) * multipleOf.n}, ${Math.ceil(k / multipleOf.k) * multipleOf.k}], or keep it plain and multiply with Triton.`,
  );
}

/** A layer that gets its input quantised returns bf16, whatever the model's type is. */
export function outputType(linear: ResolvedLinear, warnings: string[]): 'bf16' | 'f16' {
  if (linear.producer === 'linear' || linear.dtype === 'bf16') return linear.dtype;
  warnings.push('the model computes in f16, but a layer that gets its input quantised returns bf16');
  return 'bf16';
}

/** Load time and run time decide apart from each other; here they are held against each other. */
function requireSameWeight(
  builder: PlanBuilder,
  linear: ResolvedLinear,
  weight: PreparedWeight,
  kernel: BlockScaleKernel,
  load: Decision,
  multiply: Decision,
): void {
  const { layout } = builder.spec(weight.w);
  const isShuffled = layout.id !== 'row-major';
  if (isShuffled === (kernel.weight !== 'row-major')) return;
  const [loaded, chosen] = [load.because[0], multiply.because[0]];
  const remedy = linear.keepPlain
    ? 'Route the layer to a kernel that reads plain weights, or keep a plain copy for whoever else reads them and shuffle this one.'
    : `Make both decisions under the same settings (forceCk is ${linear.forceCkAtLoad} at load and ${linear.forceCk} at run time), or ` +
      `${isShuffled ? 'load the weight again' : 'shuffle it with permute to shuffle_weight(16,16)'} before the first call.`;
  throw new LayoutMismatchError(
    `plan of ${linear.layer} (${kernel.id})`,
    'weight',
    layout,
    [kernel.weight],
    `At load ${loaded?.rule} (${loaded?.origin}) decided "${load.choice}", at run time ${chosen?.rule} (${chosen?.origin}) ` +
      `decided "${multiply.choice}": the kernel would read the bytes in the wrong order, without an error. ${remedy}`,
  );
}
