import { ParameterError } from '../errors.ts';
import { type ArchFacts, archFacts } from './arch.ts';
import { type BlockScaleKernelId, blockScaleKernel, SCALE_STATES, type ScaleState } from './kernels.ts';
import { GEMM_BACKENDS, type GemmBackend } from './rules/gemm-backend.ts';
import { oneOf, requireCount } from './spec-checks.ts';
import { requireVersion } from './version-number.ts';
import type { RulesVersion } from './versions.ts';

/** Who makes the quantised activation: the layer itself, a fused kernel before it, or someone unknown. */
export type LinearProducer = 'linear' | 'rms-norm' | 'flatten' | 'silu-mul' | 'given';

export const LINEAR_PRODUCERS: readonly LinearProducer[] = ['linear', 'rms-norm', 'flatten', 'silu-mul', 'given'];

/**
 * What happens to an activation scale that is not in the state which the kernel reads:
 * - `mend`: the cheapest proper conversion; a producer that can choose writes what the kernel reads;
 * - `upstream`: what this version of the source does, refused where that is wrong;
 * - `none`: nothing, refused where that is wrong.
 */
export type ScaleConversionMode = 'mend' | 'upstream' | 'none';

/** One linear layer: `y[M, N] = x[M, K] * w[N, K]^T`, sizes of this rank. */
export interface LinearSpec {
  /** For reports, e.g. `q_b_proj`. */
  readonly layer?: string;
  /** Tokens. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** e.g. `gfx950`, `sm100`. */
  readonly arch: string;
  /** Version of ROCm, e.g. `7.2`; needed on AMD. */
  readonly rocm?: string;
  /** State of the source whose rules decide. Default `current`. */
  readonly rules?: string;
  /** `block`: a scale for each 1x128 of x and 128x128 of w. `per-channel` (PTPC): one a token, one a row of w. Default `block`. */
  readonly scheme?: 'block' | 'per-channel';
  /** Type of activations and, unless they arrive quantised, of the result. Default `bf16`. */
  readonly dtype?: 'bf16' | 'f16';
  /** Default `linear`. */
  readonly producer?: LinearProducer;
  /** State in which a fused or unknown producer leaves the scale. Default: RM for `given`, otherwise as the mode says. */
  readonly scale?: ScaleState;
  /** Default `mend`. */
  readonly scaleConversion?: ScaleConversionMode;
  /** Pins the kernel, e.g. `asm-bpreshuffle` where a tuned configuration names it. Default: CK's, or Triton's. */
  readonly kernel?: BlockScaleKernelId;
  /** `SGLANG_USE_AITER`. Default: on with AMD. */
  readonly useAiter?: boolean;
  /** `SGLANG_FORCE_CK_W8A8` at run time. Default false. */
  readonly forceCk?: boolean;
  /** The same when the weight was loaded. Default: as at run time. */
  readonly forceCkAtLoad?: boolean;
  /** `layer.keep_plain_weight_layout`. Default false. */
  readonly keepPlain?: boolean;
  /** `SGLANG_USE_AITER_W8A8_BLOCK_BPRESHUFFLE`. Default false. */
  readonly bpreshuffleGfx942?: boolean;
  /** `--fp8-gemm-backend`. Default `auto`. */
  readonly backend?: GemmBackend | 'auto';
  /** DeepGEMM can run. Default: SM90 and later. */
  readonly jitDeepgemm?: boolean;
  /** FlashInfer's Blackwell kernels are there. Default false. */
  readonly flashinferBlackwell?: boolean;
  /** Size of a head where x comes as [M, heads, head size] (`flatten`). Default 128. */
  readonly headSize?: number;
  /** RMSNorm epsilon. Default 1e-6. */
  readonly eps?: number;
  /** A residual is added before the RMSNorm. Default false. */
  readonly residual?: boolean;
}

/** A spec with everything said. */
export interface ResolvedLinear
  extends Required<Omit<LinearSpec, 'layer' | 'scale' | 'kernel' | 'rocm' | 'arch' | 'rules'>> {
  readonly layer: string;
  readonly arch: ArchFacts;
  readonly rocm: string;
  readonly rules: RulesVersion;
  readonly scale: ScaleState | undefined;
  readonly kernel: BlockScaleKernelId | undefined;
  /** Groups of 128 along K. */
  readonly groups: number;
}

/** Elements of K that share a scale. */
export const SCALE_GROUP = 128;

const WHERE = 'planLinear';

/** @throws ParameterError with the parameter, what was given and what is expected */
export function resolveLinear(spec: LinearSpec): ResolvedLinear {
  const arch = archFacts(spec.arch);
  for (const name of ['m', 'n', 'k'] as const) requireCount(WHERE, name, spec[name]);
  const rocm = spec.rocm ?? (arch.platform === 'cuda' ? '0' : undefined);
  if (rocm === undefined) {
    throw new ParameterError(WHERE, 'rocm', `is missing; the rules for ${arch.id} need the ROCm version, e.g. 7.2.`);
  }
  if (arch.fp8 === undefined)
    throw new ParameterError(WHERE, 'arch', `is ${arch.id}, which has no fp8 matrix instructions.`);
  requireVersion('the ROCm version', rocm);
  const forceCk = spec.forceCk ?? false;
  const resolved: ResolvedLinear = {
    layer: spec.layer ?? 'linear',
    m: spec.m,
    n: spec.n,
    k: spec.k,
    groups: Math.ceil(spec.k / SCALE_GROUP),
    arch,
    rocm,
    rules: (spec.rules ?? 'current') as RulesVersion,
    scheme: oneOf(WHERE, 'scheme', spec.scheme ?? 'block', ['block', 'per-channel']),
    dtype: oneOf(WHERE, 'dtype', spec.dtype ?? 'bf16', ['bf16', 'f16']),
    producer: oneOf(WHERE, 'producer', spec.producer ?? 'linear', LINEAR_PRODUCERS),
    scale: spec.scale === undefined ? undefined : oneOf(WHERE, 'scale', spec.scale, SCALE_STATES),
    scaleConversion: oneOf(WHERE, 'scaleConversion', spec.scaleConversion ?? 'mend', ['mend', 'upstream', 'none']),
    kernel: spec.kernel === undefined ? undefined : blockScaleKernel(spec.kernel).id,
    useAiter: spec.useAiter ?? arch.platform === 'hip',
    forceCk,
    forceCkAtLoad: spec.forceCkAtLoad ?? forceCk,
    keepPlain: spec.keepPlain ?? false,
    bpreshuffleGfx942: spec.bpreshuffleGfx942 ?? false,
    backend: oneOf(WHERE, 'backend', spec.backend ?? 'auto', ['auto', ...GEMM_BACKENDS]),
    jitDeepgemm: spec.jitDeepgemm ?? arch.computeCapability >= 90,
    flashinferBlackwell: spec.flashinferBlackwell ?? false,
    headSize: spec.headSize ?? SCALE_GROUP,
    eps: spec.eps ?? 1e-6,
    residual: spec.residual ?? false,
  };
  if (resolved.useAiter && arch.platform === 'cuda') {
    throw new ParameterError(WHERE, 'useAiter', `is true, but AITER does not run on ${arch.id}.`);
  }
  if (resolved.scheme === 'block' && resolved.k % SCALE_GROUP !== 0) {
    throw new ParameterError(
      WHERE,
      'k',
      `is ${spec.k}, expected a multiple of 128: block scales cover whole blocks, SGLang refuses the layer ` +
        `(validate_fp8_block_shape), and AITER's quantiser would read past the rows. Pad K with zeros to ${resolved.groups * SCALE_GROUP}.`,
    );
  }
  if (resolved.producer === 'flatten' && spec.k % resolved.headSize !== 0) {
    throw new ParameterError(WHERE, 'headSize', `is ${resolved.headSize}, expected a divisor of k = ${spec.k}.`);
  }
  return resolved;
}
