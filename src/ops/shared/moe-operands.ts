import { OperandError } from '../../errors.ts';
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
import { type W13Family, w2Family, w13Family } from './moe-families.ts';
import type { MoeScheme } from './moe-params.ts';

export { type W2Family, type W13Family, w2Family, w13Family } from './moe-families.ts';

/** Elements that share one e8m0 scale (OCP MX). */
export const MX_BLOCK = 32;

type Given = Readonly<Record<string, Tensor | undefined>>;

/** Checked weights [experts, rows, columns] of all experts, with scales and bias. */
export interface MoeWeight {
  readonly weight: Tensor;
  readonly scale: Tensor;
  readonly bias: Tensor | undefined;
  readonly family: W13Family;
  readonly experts: number;
  readonly rows: number;
  readonly columns: number;
}

/**
 * Gate_up weights under `name`, `name_scale` and, optionally, `name_bias`.
 * @param hidden columns that the activations have
 * @throws OperandError, LayoutMismatchError
 */
export function gateUpWeight(op: string, operands: Given, name: string, hidden: number): MoeWeight {
  const weight = requireOperand(op, operands, name);
  requireType(op, weight, 'e2m1');
  requireRank(op, weight, 3, 3, 'E, 2 * I, H');
  requireShape(op, weight, [undefined, undefined, hidden], `E, 2 * I, H = ${hidden} of x`);
  const [, rows = 0] = weight.layout.shape;
  if (rows % 2 !== 0)
    throw new OperandError(
      op,
      weight.name,
      `has ${rows} rows an expert, expected an even number: I gate rows and I up rows.`,
    );
  requireBlocks(op, weight, 'H', hidden);
  requireBlocks(op, weight, 'I (half of its rows)', rows / 2);
  return withScale(op, operands, weight, name, w13Family);
}

/**
 * Down weights under `name`, `name_scale` and, optionally, `name_bias`.
 * @param expected sizes that gate_up weights or activations prescribe
 * @param meaning of those sizes, for errors
 * @throws OperandError, LayoutMismatchError
 */
export function downWeight(
  op: string,
  operands: Given,
  name: string,
  expected: readonly [number | undefined, number | undefined, number],
  meaning: string,
): MoeWeight {
  const weight = requireOperand(op, operands, name);
  requireType(op, weight, 'e2m1');
  requireRank(op, weight, 3, 3, 'E, H, I');
  requireShape(op, weight, expected, meaning);
  const [, rows = 0, columns = 0] = weight.layout.shape;
  requireBlocks(op, weight, 'H', rows);
  requireBlocks(op, weight, 'I', columns);
  return withScale(op, operands, weight, name, w2Family);
}

function withScale(
  op: string,
  operands: Given,
  weight: Tensor,
  name: string,
  familyOf: (weight: Tensor, scale: Tensor, op: string) => W13Family,
): MoeWeight {
  const scale = requireOperand(op, operands, `${name}_scale`);
  requireType(op, scale, 'e8m0');
  requireScaling(op, scale, 'e8m0');
  const [experts = 0, rows = 0, columns = 0] = weight.layout.shape;
  checkScaleShape(op, weight, scale);
  const family = familyOf(weight, scale, op);
  return { weight, scale, bias: checkBias(op, operands, weight, name), family, experts, rows, columns };
}

function checkScaleShape(op: string, weight: Tensor, scale: Tensor): void {
  const [experts = 0, rows = 0, columns = 0] = weight.layout.shape;
  const { shape } = scale.layout;
  const groups = columns / MX_BLOCK;
  const plain = [experts, rows, groups].join(', ');
  const flat = [experts * rows, groups].join(', ');
  if (shape.join(', ') === plain || shape.join(', ') === flat) return;
  throw new OperandError(
    op,
    scale.name,
    `has shape [${shape.join(', ')}], but its weight "${weight.name}" has [${weight.layout.shape.join(', ')}]: ` +
      `expected [${plain}] (E, rows, columns / 32), or [${flat}] where the scales are shuffled.`,
  );
}

function checkBias(op: string, operands: Given, weight: Tensor, name: string): Tensor | undefined {
  const bias = operands[`${name}_bias`];
  if (bias === undefined) return undefined;
  const [experts = 0, rows = 0] = weight.layout.shape;
  if (bias.type !== 'f32')
    throw new OperandError(
      op,
      bias.name,
      `is ${bias.type}, expected f32; AITER says "MoE bias must be fp32". Convert it with encode.`,
    );
  requireShape(op, bias, [experts, rows], `E, rows of ${name}`);
  const order = name === 'w2' ? '' : ', all gate rows before all up rows, however the weights are stored';
  requireLayout(op, bias, rowMajor([experts, rows]), `Permute it to rowMajor([${experts}, ${rows}])${order}.`);
  return bias;
}

function requireBlocks(op: string, weight: Tensor, what: string, size: number): void {
  if (size > 0 && size % MX_BLOCK === 0) return;
  throw new OperandError(
    op,
    weight.name,
    `has ${what} = ${size}, expected a multiple of 32: 32 elements share a scale. Pad with zeros.`,
  );
}

/** Type of the activations of each scheme, and the op that quantises them. */
const ACTIVATION = {
  a16w4: { type: 'bf16', quantizer: '' },
  a8w4: { type: 'e4m3fn', quantizer: 'mxfp8_quant' },
  a4w4: { type: 'e2m1', quantizer: 'mxfp4_quant' },
} as const;

/**
 * Activations of a stage under `name`, row-major, and their scales [..., columns / 32] under `name_scale` where the scheme has some.
 * @param meaning names of the dimensions, e.g. `T, H`
 * @throws OperandError, LayoutMismatchError
 */
export function checkActivations(
  op: string,
  operands: Given,
  name: string,
  scheme: MoeScheme,
  meaning: string,
): Tensor {
  const source = requireOperand(op, operands, name);
  const { type, quantizer } = ACTIVATION[scheme];
  if (source.type !== type)
    throw new OperandError(
      op,
      source.name,
      `is ${source.type}, expected ${type} with scheme ${scheme}. ` +
        (quantizer === ''
          ? 'Convert it with encode, or name the scheme of its codes.'
          : `Quantise it with ${quantizer}.`),
    );
  const rank = meaning.split(',').length;
  requireRank(op, source, rank, rank, meaning);
  const { shape } = source.layout;
  requireLayout(op, source, rowMajor(shape));
  const scale = operands[`${name}_scale`];
  if (scheme === 'a16w4') {
    if (scale === undefined) return source;
    throw new OperandError(
      op,
      scale.name,
      'is given, but scheme a16w4 reads bf16 activations without scales. Leave it out, or name scheme a8w4 or a4w4.',
    );
  }
  const columns = shape.at(-1) ?? 0;
  if (scale === undefined)
    throw new OperandError(
      op,
      `${name}_scale`,
      `missing. Scheme ${scheme} reads ${type} codes with one e8m0 scale for 32 columns. ` +
        `Pass the scale that ${quantizer} returns.`,
    );
  requireType(op, scale, 'e8m0');
  requireScaling(op, scale, 'e8m0');
  const expected = [...shape.slice(0, -1), columns / MX_BLOCK];
  requireShape(op, scale, expected, `${meaning} / 32 of ${name}`);
  requireLayout(op, scale, rowMajor(expected));
  return source;
}

/**
 * `topk_ids` i32 [T, topk], and `topk_weights` f32 of the same shape where they are given.
 * @param expected sizes that the activations prescribe
 * @param meaning of those sizes, for errors
 * @throws OperandError, LayoutMismatchError
 */
export function checkTopk(
  op: string,
  operands: Given,
  experts: number,
  expected: readonly [number, number | undefined],
  meaning: string,
): { readonly tokens: number; readonly topk: number } {
  const ids = requireOperand(op, operands, 'topk_ids');
  requireType(op, ids, 'i32');
  requireRank(op, ids, 2, 2, 'T, topk');
  requireShape(op, ids, expected, meaning);
  requireLayout(op, ids, rowMajor(ids.layout.shape));
  const [tokens = 0, topk = 0] = ids.layout.shape;
  if (topk > experts)
    throw new OperandError(
      op,
      ids.name,
      `routes each token to ${topk} experts, but the weights have ${experts}. Are ids and weights of the same model?`,
    );
  return { tokens, topk };
}

/** `topk_weights` f32 [T, topk]. */
export function checkTopkWeights(op: string, operands: Given, shape: readonly [number, number]): void {
  const weights = requireOperand(op, operands, 'topk_weights');
  requireType(op, weights, 'f32');
  requireShape(op, weights, shape, 'T, topk of topk_ids');
  requireLayout(op, weights, rowMajor(shape));
}
