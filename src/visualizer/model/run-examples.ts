import type { ElementType } from '../../formats/element-type.ts';
import type { OpName } from '../../ops/registry.ts';

/*
 * What the Run screen can execute: data only. Operands are made and ops are run in another file, which loads when the first run begins.
 */

/** One size of the tensor that a scene describes. */
export interface RunAxis {
  /** As in formulas: `N`. */
  readonly name: string;
  readonly meaning: string;
  readonly min: number;
  readonly max: number;
  readonly multiple: number;
  readonly value: number;
}

interface OptionBase {
  /** Name in permalinks. */
  readonly id: string;
  readonly label: string;
}

export interface NumberOption extends OptionBase {
  readonly kind: 'number';
  readonly min: number;
  readonly max: number;
  readonly value: number;
}

export interface ChoiceOption extends OptionBase {
  readonly kind: 'choice';
  readonly choices: readonly { readonly value: string; readonly label: string }[];
  readonly value: string;
}

export type RunOption = NumberOption | ChoiceOption;

/** A mistake that a kernel cannot see. */
export interface RunMistake {
  /** Layout that the kernel reads. */
  readonly reads: string;
  /** Layout that the bytes are in when nothing else is chosen. */
  readonly stored: string;
}

export interface RunExample {
  readonly id: OpName;
  readonly title: string;
  /** What a run shows, in a sentence or two. */
  readonly shows: string;
  /** The tensor that shape, type and layouts of a scene belong to. */
  readonly operand: string;
  /** Sizes of that tensor; undefined where a layout decides which shapes it takes. */
  readonly axes: readonly RunAxis[] | undefined;
  /** Types of that tensor, the usual one first; undefined: all. */
  readonly types: readonly ElementType[] | undefined;
  readonly options: readonly RunOption[];
  /** Names of the dimensions of each output; where there are none, the layout's. */
  readonly dims: Readonly<Record<string, readonly string[]>>;
  /** Set where the weight can be read in another layout than it was written in. */
  readonly mistake?: RunMistake;
  /** What costs time, and how much of it a software adapter manages within seconds. */
  readonly work: {
    readonly unit: string;
    readonly most: number;
    count(shape: readonly number[], option: (id: string) => number): number;
  };
}

const FLOATS: readonly ElementType[] = ['bf16', 'f32', 'f16'];
const FP8: readonly ElementType[] = ['e4m3fn', 'e4m3fnuz'];

const VALUES = choice('values', 'Values', [
  ['varied', 'magnitudes differ by group'],
  ['special', 'also zeros, subnormals, infinities, NaN'],
]);
const FORMAT = choice('format', 'Codes', [['e4m3fn'], ['e4m3fnuz']]);
const ROW_MATH = choice('math', 'Arithmetic', [
  ['torch', 'torch reference'],
  ['hip', 'HIP kernel'],
]);
const SCALE_MODE = choice('mode', 'Scale rounding', [['RoundUp'], ['RoundDown'], ['Even'], ['Ceil']], 'RoundUp');
const OUT = choice('out', 'Result', [['bf16'], ['f16'], ['f32']]);
const QUANT_DIMS = { y: ['m', 'k'], scale: ['m', 'g'] } as const;
const GEMM_DIMS = { y: ['m', 'n'] } as const;
const ROWS_OF_X = number('M', 'Rows of x (M)', 1, 512, 17);

const elements = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
const ELEMENTS: RunExample['work'] = { unit: 'elements', most: 2 ** 20, count: elements };
const PRODUCTS: RunExample['work'] = {
  unit: 'products',
  most: 2 ** 25,
  count: (shape, option) => elements(shape) * option('M'),
};

/** Examples in the order of the menu. */
export const RUN_EXAMPLES: readonly RunExample[] = [
  {
    id: 'permute',
    title: 'Permute between two layouts',
    shows:
      'Moves every element of an address-coded tensor from one layout to another: one code in the wrong place would show.',
    operand: 'x',
    axes: undefined,
    types: undefined,
    options: [],
    dims: {},
    work: ELEMENTS,
  },
  {
    id: 'per_1x128_quant',
    title: 'Quantise activations, one scale for 1x128',
    shows:
      'fp8 codes and float32 scales, bit for bit in five kernels’ arithmetic, with the scales stored as a GEMM wants them.',
    operand: 'x',
    axes: [rows(64), columns(512, 128)],
    types: FLOATS,
    options: [
      choice('math', 'Arithmetic', [['torch'], ['hip'], ['aiter-triton'], ['sglang-triton'], ['sglang-cuda']]),
      FORMAT,
      choice('scales', 'Scales stored', [['row-major'], ['transposed-view'], ['column-major'], ['tma-aligned']]),
      VALUES,
    ],
    dims: QUANT_DIMS,
    work: ELEMENTS,
  },
  {
    id: 'per_token_quant',
    title: 'Quantise activations, one scale for a token',
    shows: 'fp8 codes and one float32 scale for each row.',
    operand: 'x',
    axes: [rows(64), columns(512, 1)],
    types: FLOATS,
    options: [ROW_MATH, FORMAT, VALUES],
    dims: QUANT_DIMS,
    work: ELEMENTS,
  },
  {
    id: 'mxfp8_quant',
    title: 'Quantise to MXFP8, one e8m0 scale for 1x32',
    shows:
      'fp8 codes with power-of-two scales. The four ways to round a scale disagree exactly where a block’s maximum lies between two.',
    operand: 'x',
    axes: [rows(64), columns(512, 32)],
    types: FLOATS,
    options: [SCALE_MODE, ROW_MATH, FORMAT, VALUES],
    dims: QUANT_DIMS,
    work: ELEMENTS,
  },
  {
    id: 'dynamic_mxfp4_quant',
    title: 'Quantise to MXFP4 as the Triton kernel does',
    shows:
      'fp4 codes, two in a byte. The stored scale is never below 1, although the codes are scaled by the true one.',
    operand: 'x',
    axes: [rows(64), columns(512, 2)],
    types: FLOATS,
    options: [VALUES],
    dims: QUANT_DIMS,
    work: ELEMENTS,
  },
  {
    id: 'gemm_a8w8_blockscale_bpreshuffle',
    title: 'fp8 GEMM on a preshuffled weight',
    shows:
      'Reads shuffle_weight(16,16) and transposed activation scales, as AITER’s block-scale kernel does. It raises no error for a plain weight.',
    operand: 'w',
    axes: [outputs(256, 16), inputs(256, 32)],
    types: FP8,
    options: [ROWS_OF_X, OUT],
    dims: GEMM_DIMS,
    mistake: { reads: 'shuffle_weight(16,16)', stored: 'row-major' },
    work: PRODUCTS,
  },
  {
    id: 'gemm_a8w8_blockscale',
    title: 'fp8 GEMM on a plain weight',
    shows: 'The same product from row-major operands, a scale for every 1x128 of x and 128x128 of w.',
    operand: 'w',
    axes: [outputs(256, 1), inputs(256, 1)],
    types: FP8,
    options: [ROWS_OF_X, OUT],
    dims: GEMM_DIMS,
    mistake: { reads: 'row-major', stored: 'shuffle_weight(16,16)' },
    work: PRODUCTS,
  },
  {
    id: 'gemm_a4w4_bpreshuffle',
    title: 'MXFP4 GEMM on a preshuffled weight',
    shows: 'fp4 codes with an e8m0 scale for 32, weight and both scales shuffled for gfx950.',
    operand: 'w',
    axes: [outputs(256, 16), inputs(256, 64)],
    types: ['e2m1'],
    options: [ROWS_OF_X, OUT],
    dims: GEMM_DIMS,
    mistake: { reads: 'shuffle_weight(16,16)', stored: 'row-major' },
    work: PRODUCTS,
  },
  {
    id: 'topk_softmax',
    title: 'Route tokens to experts',
    shows: 'The experts of each token and their weights. Ids must be the same; weights may differ as float32 exp does.',
    operand: 'logits',
    axes: [axis('T', 'tokens', 1, 4096, 1, 64), axis('E', 'experts', 1, 512, 1, 128)],
    types: ['f32', 'bf16', 'f16'],
    options: [
      number('topk', 'Experts of a token (top k)', 1, 16, 4),
      choice('order', 'Order', [
        ['softmax-topk', 'softmax, then top k'],
        ['topk-softmax', 'top k, then softmax (GPT-OSS)'],
      ]),
      choice('renormalize', 'Weights', [
        ['true', 'divided by their sum'],
        ['false', 'as the softmax gives them'],
      ]),
    ],
    dims: { weights: ['t', 'slot'], ids: ['t', 'slot'] },
    work: { ...ELEMENTS, most: 2 ** 18 },
  },
  {
    id: 'fused_moe_mxfp4',
    title: 'Mixture of experts with MXFP4 weights',
    shows:
      'A small GPT-OSS layer from the checkpoint on: de-interleaved, shuffled, routed, both stages. Gate and up rows in the wrong order give numbers that look right.',
    operand: 'w13',
    axes: [axis('E', 'experts', 1, 32, 1, 8), axis('R', 'gate and up rows', 128, 1024, 128, 256), inputs(128, 128)],
    types: ['e2m1'],
    options: [
      number('T', 'Tokens', 1, 64, 8),
      number('topk', 'Experts of a token (top k)', 1, 8, 2),
      choice('gate', 'Gate mode of the kernel', [
        ['separated', 'SEPARATED'],
        ['interleave', 'INTERLEAVE'],
      ]),
      choice('activation', 'Activation', [['swiglu'], ['silu'], ['gelu']]),
      choice('scheme', 'Activations and weights', [['a16w4'], ['a8w4'], ['a4w4']]),
      choice('wrong', 'Inject a mistake', [
        ['none', 'none'],
        ['deinterleave-forgotten', 'checkpoint rows are shuffled without the de-interleave'],
        ['deinterleaved-twice', 'separated rows are de-interleaved again'],
        ['scale-not-deinterleaved', 'the scales are not de-interleaved'],
        ['bias-not-deinterleaved', 'the bias is not de-interleaved'],
        ['other-gate-mode', 'shuffled for the other gate mode'],
        ['shuffle-dropped', 'the weight is not shuffled'],
        ['shuffled-twice', 'the weight is shuffled twice'],
        ['nibbles-swapped', 'the two codes of each byte are swapped'],
      ]),
    ],
    dims: { h: ['t', 'slot', 'i'], y: ['t', 'h'] },
    work: {
      unit: 'products',
      most: 2 ** 24,
      count: ([, R = 0, H = 0], option) => option('T') * option('topk') * R * H * 1.5,
    },
  },
];

function axis(name: string, meaning: string, min: number, max: number, multiple: number, value: number): RunAxis {
  return { name, meaning, min, max, multiple, value };
}

function rows(value: number): RunAxis {
  return axis('M', 'tokens', 1, 4096, 1, value);
}

function columns(value: number, multiple: number): RunAxis {
  return axis('K', 'columns', multiple, 8192, multiple, value);
}

function outputs(value: number, multiple: number): RunAxis {
  return axis('N', 'output features', multiple, 4096, multiple, value);
}

function inputs(value: number, multiple: number): RunAxis {
  return axis('K', 'input features', multiple, 4096, multiple, value);
}

function number(id: string, label: string, min: number, max: number, value: number): NumberOption {
  return { id, label, kind: 'number', min, max, value };
}

function choice(
  id: string,
  label: string,
  values: readonly (readonly [value: string, label?: string])[],
  value: string = values[0]?.[0] ?? '',
): ChoiceOption {
  return { id, label, kind: 'choice', value, choices: values.map(([of, text = of]) => ({ value: of, label: text })) };
}
