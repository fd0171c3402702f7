import { OperandError, ParameterError } from '../../errors.ts';
import { rowMajor } from '../../layout/plain.ts';
import {
  requireLayout,
  requireOperand,
  requireRank,
  requireScaling,
  requireShape,
  requireType,
} from '../../tensor/expect.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Operands } from '../op.ts';
import type { GatedActivation } from './activation.ts';

/** Parameters of `fused_moe_mxfp4`. */
export interface FusedMoeParams {
  readonly activation: 'silu' | 'swiglu';
  /** Formats of activations and weights. Default and, so far, only scheme: bf16 activations, MXFP4 weights. */
  readonly scheme?: 'a16w4';
  /** Clamp of gate and up. Default, and meaning of 0: 7 for swiglu, no clamp for silu. */
  readonly swiglu_limit?: number;
}

export type FusedMoeInput = 'x' | 'w1' | 'w1_scale' | 'w2' | 'w2_scale' | 'topk_ids' | 'topk_weights';
export type FusedMoeOptional = 'w1_bias' | 'w2_bias';
export type FusedMoeOperands = Operands<FusedMoeInput, FusedMoeOptional>;

export interface FusedMoeSizes {
  readonly tokens: number;
  readonly topk: number;
  readonly experts: number;
  readonly hidden: number;
  readonly inter: number;
}

/** Checks the parameters and gives the activation they name. */
export function fusedMoeActivation(op: string, params: FusedMoeParams): GatedActivation {
  const { activation, scheme = 'a16w4', swiglu_limit: limit } = params;
  if (scheme !== 'a16w4') {
    throw new ParameterError(
      op,
      'scheme',
      `is ${JSON.stringify(scheme)}, expected a16w4 (bf16 activations, MXFP4 weights). ` +
        'Quantised activations (a4w4, a8w4) are not implemented yet.',
    );
  }
  if (activation !== 'silu' && activation !== 'swiglu') {
    throw new ParameterError(op, 'activation', `is ${JSON.stringify(activation)}, expected silu or swiglu.`);
  }
  if (limit !== undefined && !(limit >= 0)) {
    throw new ParameterError(op, 'swiglu_limit', `is ${limit}, expected a number that is not negative.`);
  }
  // `||` on purpose: AITER reads 0 as unset.
  if (activation === 'swiglu') return { alpha: 1.702, offset: 1, limit: limit || 7 };
  return { alpha: 1, offset: 0, limit: limit || undefined };
}

/** All checks of the operands. Weights, scales and biases are row-major with separated gate and up rows. */
export function checkFusedMoe(op: string, operands: FusedMoeOperands): FusedMoeSizes {
  const x = plain(op, operands, 'x', 'bf16', 2, 'T, H');
  const w1 = plain(op, operands, 'w1', 'e2m1', 3, 'E, 2 * I, H');
  const [tokens = 0, hidden = 0] = x.layout.shape;
  const [experts = 0, gateUp = 0] = w1.layout.shape;
  requireShape(op, w1, [undefined, undefined, hidden], `E, 2 * I, H = ${hidden} of x`);
  const inter = gateUp / 2;
  requireBlocks(op, w1, 'H', hidden);
  requireBlocks(op, w1, 'I (half of its rows)', inter);
  const w2 = plain(op, operands, 'w2', 'e2m1', 3, 'E, H, I');
  requireShape(op, w2, [experts, hidden, inter], 'E, H, I of x and w1');
  for (const [name, weight] of [
    ['w1', w1],
    ['w2', w2],
  ] as const) {
    const [, rows = 0, columns = 0] = weight.layout.shape;
    const scale = plain(op, operands, `${name}_scale`, 'e8m0', 3, 'E, rows, columns / 32');
    requireShape(op, scale, [experts, rows, columns / 32], `E, rows, columns / 32 of ${name}`);
    requireScaling(op, scale, 'e8m0');
    if (operands[`${name}_bias`] === undefined) continue;
    const bias = plain(op, operands, `${name}_bias`, 'f32', 2, 'E, rows');
    requireShape(op, bias, [experts, rows], `E, rows of ${name}`);
  }
  const ids = plain(op, operands, 'topk_ids', 'i32', 2, 'T, topk');
  const [, topk = 0] = ids.layout.shape;
  requireShape(op, ids, [tokens, undefined], `T = ${tokens} of x, topk`);
  const weights = plain(op, operands, 'topk_weights', 'f32', 2, 'T, topk');
  requireShape(op, weights, [tokens, topk], 'T, topk of topk_ids');
  return { tokens, topk, experts, hidden, inter };
}

/** Fetches an operand that is stored row-major, of one type and rank. */
function plain(
  op: string,
  operands: FusedMoeOperands,
  name: FusedMoeInput | FusedMoeOptional,
  type: 'bf16' | 'e2m1' | 'e8m0' | 'f32' | 'i32',
  rank: number,
  meaning: string,
): Tensor {
  const found = requireOperand(op, operands, name);
  requireType(op, found, type);
  requireRank(op, found, rank, rank, meaning);
  const { shape } = found.layout;
  const target = `rowMajor([${shape.join(', ')}])`;
  const separated = name.startsWith('w1') ? ', with all gate rows before all up rows' : '';
  requireLayout(
    op,
    found,
    rowMajor(shape),
    `Permute it to ${target}${separated}; weight, scale and bias move together.`,
  );
  return found;
}

function requireBlocks(op: string, weight: Tensor, what: string, size: number): void {
  if (size > 0 && size % 32 === 0) return;
  throw new OperandError(
    op,
    weight.name,
    `has ${what} = ${size}, expected a multiple of 32: 32 elements share a scale. Pad with zeros.`,
  );
}
