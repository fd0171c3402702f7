import { trimmedUpRows } from './heuristics.ts';
import type { MoeRange } from './plan.ts';
import type { CallSteps } from './plan-call.ts';
import type { MoeKernels } from './resolve.ts';
import { describeRange } from './situation.ts';
import type { ResolvedMoe } from './spec.ts';

/** What a reader of a plan must know that no step says. */
export function moePlanWarnings(
  moe: ResolvedMoe,
  kernels: MoeKernels,
  ranges: readonly MoeRange[],
  call: Pick<CallSteps, 'rounding' | 'requantRounding'>,
): readonly string[] {
  const warnings: string[] = [];
  const bad = ranges.filter(({ verdict }) => verdict !== 'right');
  if (bad.length > 0) {
    const list = bad.map((range) => {
      const reads = range.expects === undefined ? '' : ` reads ${range.expects}`;
      return `${describeRange(range)}: ${range.kernel}${reads}, ${range.verdict}`;
    });
    warnings.push(`the same weights do not come out right at every size: ${list.join('; ')}`);
  }
  const { sizes, channels, bias } = moe;
  const zeros = sizes.paddedInter - channels.count;
  if (zeros !== sizes.intermediatePad) {
    warnings.push(
      `intermediate_pad is ${sizes.intermediatePad}, but this rank has ${zeros} zero channels: whole blocks of 32 give it ${channels.count}, not ${sizes.rankInter}`,
    );
  }
  const trimmed = kernels.kernel === 'cktile-split-k-standard' ? trimmedUpRows(sizes.intermediatePad) : 0;
  if (trimmed > 0) {
    warnings.push(
      `CK-Tile may leave out ${trimmed} real up rows of ${sizes.rankInter}: it cuts the pads of both halves from the end of the last (derived from its source, seen on no device)`,
    );
  }
  const isA4w4 = ranges.some(({ kernel, expects }) => kernel.startsWith('flydsl') && expects === 'L2');
  if (isA4w4 && moe.activation === 'Swiglu' && sizes.tp > 1) {
    warnings.push(
      `FlyDSL's a4w4 was wrong upstream with 2, 4 and 8 ranks although its weights were right (SGLang PR 27201: GSM8K 0.04; ATOM issue 1521). ` +
        'Pass INTERLEAVE, or set GPTOSS_SWIGLU_MXFP4_BF16_BOUND=99999',
    );
  }
  if (bias && sizes.tp > 1) warnings.push('the bias of w2 belongs to rank 0 only; the other ranks add zeros');
  if (!bias && sizes.intermediatePad > 0 && kernels.kernel.startsWith('flydsl')) {
    warnings.push('FlyDSL takes the declared pads exactly: they must be those of this rank');
  }
  for (const [what, rounding] of [
    ['x', call.rounding],
    ['h', call.requantRounding],
  ] as const) {
    if (rounding === undefined || rounding === 'RoundUp' || rounding === 'Even') continue;
    warnings.push(
      `the kernel rounds scales of ${what} by the rule ${rounding}; running the plan uses RoundUp, which differs where the mantissa is near 1.5`,
    );
  }
  return warnings;
}
