import { type LinearSpec, resolveLinear } from './linear-spec.ts';
import type { Plan } from './plan.ts';
import { planAiterBlock } from './plan-aiter.ts';
import { planNvidiaBlock } from './plan-deepgemm.ts';
import { planPerChannel } from './plan-per-channel.ts';
import { decide } from './rule.ts';
import { gemmBackend } from './rules/gemm-backend.ts';

/**
 * Plans one fp8 linear layer: which kernel multiplies and why, what happens to the weight once at load, what happens to the
 * activation at every call, in which layout every tensor is and how many bytes each step moves. Nothing runs; `runPlan` executes
 * the result on any backend.
 *
 * @throws LayoutMismatchError when producer and consumer would disagree about a layout; the message has the mending step
 * @throws ParameterError, OperandError for a spec, a shape or a type that the kernel refuses
 * @example
 * ```ts
 * const plan = planLinear({ m: 64, n: 2624, k: 6144, arch: 'gfx950', rocm: '7.2' });
 * plan.kernel;               // 'ck-bpreshuffle'
 * plan.cost.call.scaleCopies // 0
 * ```
 */
export function planLinear(spec: LinearSpec): Plan<LinearSpec> {
  const linear = resolveLinear(spec);
  if (linear.scheme === 'per-channel') return planPerChannel(linear, spec);
  const backend = decide(gemmBackend, 'current', {
    requested: linear.backend,
    jitDeepgemm: linear.jitDeepgemm,
    flashinferBlackwell: linear.flashinferBlackwell,
    cutlassSm120: false,
    useAiter: linear.useAiter,
  });
  if (linear.arch.platform === 'hip') return planAiterBlock(linear, spec, [backend]);
  return planNvidiaBlock(linear, spec, backend);
}
