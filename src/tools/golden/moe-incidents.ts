import { MOE_INCIDENTS } from '../../golden/moe-incidents.ts';
import { rowMajor } from '../../layout/plain.ts';
import { deinterleaveExperts } from '../../moe/gate-up.ts';
import { padExperts } from '../../moe/padding.ts';
import { syntheticLayer, syntheticTokens } from '../../moe/synthetic.ts';
import { definitionOf } from '../../ops/registry.ts';
import { asBytes, tensor } from '../../tensor/make.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { GoldenFileBuilder } from './file-builder.ts';

const [T, E, TOPK, H] = [5, 4, 2, 128] as const;

/** Two distinct experts a token; expert 3 gets none. */
const IDS = [2, 0, 2, 1, 0, 2, 2, 0, 1, 2];
const WEIGHTS = [0.6, 0.4, 0.7, 0.3, 0.55, 0.45, 0.9, 0.1, 0.5, 0.5];

/** Operands of one rank: I channels, padded with zeros. */
function problem(inter: number, padded: number): Readonly<Record<string, Tensor>> {
  const layer = syntheticLayer({ experts: E, hidden: H, inter });
  const weights = deinterleaveExperts(padExperts(layer, { inter: padded, hidden: H }));
  const named = (source: Tensor | undefined, name: string): Readonly<Record<string, Tensor>> =>
    source === undefined ? {} : { [name]: { ...source, name } };
  return {
    x: syntheticTokens(T, H),
    ...named(weights.w13, 'w1'),
    ...named(weights.w13_scale, 'w1_scale'),
    ...named(weights.w13_bias, 'w1_bias'),
    ...named(weights.w2, 'w2'),
    ...named(weights.w2_scale, 'w2_scale'),
    ...named(weights.w2_bias, 'w2_bias'),
    topk_ids: tensor('topk_ids', 'i32', rowMajor([T, TOPK]), asBytes(Int32Array.from(IDS))),
    topk_weights: tensor('topk_weights', 'f32', rowMajor([T, TOPK]), asBytes(Float32Array.from(WEIGHTS))),
  };
}

/** One case for each MoE incident: the right output `y` and what the mistake gave, `y_wrong`. */
export function moeIncidentsFile(): Uint8Array {
  const file = new GoldenFileBuilder();
  const op = 'fused_moe_mxfp4';
  const run = { activation: 'swiglu' };
  for (const incident of MOE_INCIDENTS) {
    const [inter, padded] = incident.id === 'moe-stale-pad' ? [192, 256] : [64, 64];
    const operands = problem(inter, padded);
    const { y } = definitionOf(op).reference(run, operands);
    const wrong = definitionOf(op).reference(run, incident.misread(operands))['y'];
    if (y === undefined || wrong === undefined) throw new TypeError(`${op} gave no y`);
    const sizes = { tokens: T, experts: E, topk: TOPK, inter: padded, hidden: H };
    const { w1, w2, ...rest } = operands as { readonly w1: Tensor; readonly w2: Tensor };
    file.add(
      `${incident.id}__${op}`,
      {
        op,
        ...sizes,
        ...run,
        incident: incident.id,
        note: `${incident.title}. ${incident.symptom}. ${incident.origin}`,
      },
      {
        ...rest,
        // Two codes a byte.
        w1: [w1, [E, 2 * padded, H / 2]],
        w2: [w2, [E, H, padded / 2]],
        y,
        y_wrong: wrong,
      },
    );
  }
  return file.bytes();
}
