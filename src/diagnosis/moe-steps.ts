import { decodeArray } from '../formats/decode.ts';
import { encodeArray } from '../formats/encode.ts';
import { type fusedMoeMxfp4, fusedStageInput, fusedStages } from '../ops/fused-moe-mxfp4.ts';
import type { KernelCall, NamedTensors } from '../ops/kernel-call.ts';
import { firstStageOf, type moeStage1Mxfp4 } from '../ops/moe-stage1-mxfp4.ts';
import { type moeStage2Mxfp4, secondStageOf } from '../ops/moe-stage2-mxfp4.ts';
import { definitionOf } from '../ops/registry.ts';
import { type ExpertProduct, expertSums } from '../ops/shared/expert-linear.ts';
import { storedAs } from '../ops/shared/groups-output.ts';
import type { UncertainInput } from '../ops/shared/moe-input.ts';
import { type FirstStage, firstStage, type SecondStage, secondStage } from '../ops/shared/moe-stages.ts';
import type { TensorSpec } from '../tensor/tensor.ts';

type Given<D> = D extends { reference(params: infer P, operands: infer O): unknown } ? readonly [P, O] : never;

/** h as stage 1 leaves it. */
export interface LeftH {
  /** [T * topk, I], exact. */
  readonly exact: Float64Array;
  /** As the op stores it. */
  readonly bf16: Float32Array;
  /** I. */
  readonly columns: number;
}

/** Steps of a mixture of experts that a kernel does in its own way; as the op does them where left out. */
export interface MoeSteps {
  readonly first?: (stage: FirstStage, call: KernelCall) => Float64Array;
  /** What the second multiplication of the fused op reads. */
  readonly reread?: (h: LeftH, call: KernelCall) => UncertainInput;
  readonly second?: (stage: SecondStage, call: KernelCall) => Float64Array;
  /** bf16 codes of h and y. */
  readonly round?: (values: Float64Array, output: 'h' | 'y') => Uint16Array;
}

/** The call computed with other steps; for `MistakenCall.compute` of the three ops of a mixture of experts. */
export function withSteps({
  first = firstStage,
  reread,
  second = secondStage,
  round = roundToBf16,
}: MoeSteps): (call: KernelCall) => NamedTensors {
  return (call) => {
    const specs: Readonly<Record<string, TensorSpec>> = definitionOf(call.op).plan(call.params, call.operands);
    const stored = (name: string, codes: Uint16Array): NamedTensors => {
      const spec = specs[name];
      return spec === undefined ? {} : { [name]: storedAs(spec, codes) };
    };
    if (call.op === 'moe_stage1_mxfp4') return stored('h', round(first(stage1Of(call), call), 'h'));
    if (call.op === 'moe_stage2_mxfp4') return stored('y', round(second(stage2Of(call), call), 'y'));
    const stages = stagesOf(call);
    const exact = first(stages.first, call);
    const codes = round(exact, 'h');
    const columns = stages.first.product.weight.rows / 2;
    const left = { exact, bf16: decodeArray('bf16', codes), columns };
    const input = reread?.(left, call) ?? quantizedH(left, call);
    return { ...stored('h', codes), ...stored('y', round(second(stages.second(input), call), 'y')) };
  };
}

/** The first stage of a call of `fused_moe_mxfp4` or `moe_stage1_mxfp4`. */
export function firstOf(call: KernelCall): FirstStage {
  return call.op === 'moe_stage1_mxfp4' ? stage1Of(call) : stagesOf(call).first;
}

export function stagesOf({ params, operands }: KernelCall): ReturnType<typeof fusedStages> {
  return fusedStages(...([params, operands] as unknown as Given<typeof fusedMoeMxfp4>));
}

function stage1Of({ params, operands }: KernelCall): FirstStage {
  return firstStageOf(...([params, operands] as unknown as Given<typeof moeStage1Mxfp4>));
}

function stage2Of({ params, operands }: KernelCall): SecondStage {
  return secondStageOf(...([params, operands] as unknown as Given<typeof moeStage2Mxfp4>));
}

/** h as the fused op reads it again, with the call's own scheme and rounding mode. */
export function quantizedH({ bf16, columns }: LeftH, { params }: KernelCall): UncertainInput {
  return fusedStageInput(params as Given<typeof fusedMoeMxfp4>[0], bf16, columns);
}

export function roundToBf16(values: Float64Array): Uint16Array {
  return encodeArray('bf16', values);
}

/** The sums of a product without the bias, and the bias of each, 0 for dropped routes; both [routes, rows]. */
export function sumsAndBiases(product: ExpertProduct): { readonly sums: Float64Array; readonly biases: Float64Array } {
  const { weight } = product;
  const all = expertSums(product);
  if (weight.bias === undefined) return { sums: all, biases: new Float64Array(all.length) };
  const sums = expertSums({ ...product, weight: { ...weight, bias: undefined } });
  return { sums, biases: all.map((sum, at) => sum - (sums[at] as number)) };
}
