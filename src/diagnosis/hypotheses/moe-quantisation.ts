import { MX_SCALE_MODES } from '../../formats/mx-scale.ts';
import { fusedStageInput } from '../../ops/fused-moe-mxfp4.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { type FusedMoeParams, MOE_SCHEMES, type MoeScheme } from '../../ops/shared/moe-params.ts';
import type { Hypothesis, Variant } from '../hypothesis.ts';
import { withSteps } from '../moe-steps.ts';

const OPS = ['fused_moe_mxfp4'] as const;

type Quantising = Pick<FusedMoeParams, 'scheme' | 'quantMode'>;

/** What a scheme makes of bf16 activations, in words. */
const READ_AS: Readonly<Record<MoeScheme, string>> = {
  a16w4: 'bf16, not quantised',
  a8w4: 'quantised to MXFP8',
  a4w4: 'quantised to MXFP4',
};

/** Mistakes with how the fused op quantises x and h. */
export const MOE_QUANTISATION_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'moe-other-scheme',
    title: 'x and h are read in another format',
    family: 'quantisation',
    ops: OPS,
    symptom: 'a noise of a few per cent (MXFP8) or of a tenth (MXFP4) over all elements, or the lack of one',
    origin:
      'derived: AITER fused_moe takes bf16 below GPTOSS_SWIGLU_MXFP4_BF16_BOUND or AITER_BF16_FP8_MOE_BOUND tokens, fp4 or fp8 from there on',
    evidence: 'derived',
    remedy:
      'Compare with the scheme that the kernel has for this number of tokens, or move the bound with its variable.',
    hiddenBy: 'activations that the narrower format holds',
    variants: (call) => otherSchemes(call).map((scheme) => quantising(call, READ_AS[scheme], { scheme }, { scheme })),
  },
  {
    id: 'moe-h-other-format',
    title: 'h is read in another format than x',
    family: 'quantisation',
    ops: OPS,
    symptom: 'h is right; y has a noise of a few per cent, or lacks one',
    origin:
      'derived: AITER fused_moe keeps a2 in bf16 for split-K and swiglu, and quantises it to MXFP4 for silu with INTERLEAVE',
    evidence: 'derived',
    remedy: 'Quantise h in blocks of 32 with the scheme of x before stage 2, or leave both as they are.',
    hiddenBy: 'h that the narrower format holds',
    variants: (call) => otherSchemes(call).map((scheme) => quantising(call, READ_AS[scheme], {}, { scheme })),
  },
  {
    id: 'moe-x-other-format',
    title: 'x is read in another format than h',
    family: 'quantisation',
    ops: OPS,
    symptom: 'h and y have a noise of a few per cent, or lack one',
    origin: 'derived: AITER fused_moe chooses the types of a1 and a2 apart',
    evidence: 'derived',
    remedy: 'Quantise x in blocks of 32 with the scheme of h before stage 1, or leave both as they are.',
    hiddenBy: 'activations that the narrower format holds',
    variants: (call) => otherSchemes(call).map((scheme) => quantising(call, READ_AS[scheme], { scheme }, {})),
  },
  {
    id: 'moe-quant-mode',
    title: 'scales of activations are rounded in another way',
    family: 'quantisation',
    ops: OPS,
    symptom: 'blocks with certain largest elements differ by a last bit or are clipped; all others are right',
    origin: 'derived: AITER has RoundUp in its HIP kernels since PR 3212, and Even in its Triton kernels',
    evidence: 'derived',
    remedy: 'Compare with the quantMode of the quantiser that ran; this is no mistake where both are wanted.',
    hiddenBy:
      'blocks whose largest element is a power of two; MXFP8, whose codes keep their precision under any scale that fits',
    variants(call) {
      const { scheme = 'a16w4', quantMode: own = 'RoundUp' } = call.params as FusedMoeParams;
      if (scheme === 'a16w4') return [];
      const modes = MX_SCALE_MODES.filter((mode) => mode !== own);
      return modes.flatMap((quantMode): readonly Variant[] => [
        quantising(call, quantMode, { quantMode }, { quantMode }),
        quantising(call, `${quantMode}, of x alone`, { quantMode }, {}),
        quantising(call, `${quantMode}, of h alone`, {}, { quantMode }),
      ]);
    },
  },
];

function otherSchemes({ params }: KernelCall): readonly MoeScheme[] {
  const { scheme: own = 'a16w4' } = params as FusedMoeParams;
  return MOE_SCHEMES.filter((scheme) => scheme !== own);
}

/** The call with x and h quantised in other ways. Where h follows x, the op itself computes it. */
function quantising(call: KernelCall, detail: string, x: Quantising, h: Quantising): Variant {
  const params = call.params as FusedMoeParams;
  const ofX = { ...params, ...x };
  const ofH = { ...params, ...h };
  if (ofX.scheme === ofH.scheme && ofX.quantMode === ofH.quantMode)
    return { detail, make: () => ({ ...call, params: ofX }) };
  const compute = withSteps({ reread: ({ bf16, columns }) => fusedStageInput(ofH, bf16, columns) });
  return { detail, make: () => ({ ...call, params: ofX, compute }) };
}
