import type { PairScene } from './diff.ts';
import type { IncidentOperand, IncidentPicture, IncidentScene } from './incident-scene.ts';

/** Two experts, 64 gate rows and 64 up rows each. */
const W13 = { type: 'e2m1', shape: [2, 128, 128], experts: 1 } as const;

const L2 = 'shuffle_weight(16,16)';
const L3 = 'shuffle_weight(guinterleave,gate_up)';
const L4 = 'gate_up_interleaved+shuffle_weight(16,16)';
const L5 = 'gate_up_interleaved+shuffle_weight(guinterleave,gate_up)';
const L6_SEPARATED = 'gate_up_split_twice+shuffle_weight(16,16)';
const L6_INTERLEAVE = 'gate_up_split_twice+shuffle_weight(guinterleave,gate_up)';

const FIRST_CAUSE = 'SGLang PR 26884: GSM8K 0.21 instead of 0.88';
const TWICE = 'vLLM issue 42595; ATOM with DeepSeek-V4: GSM8K 0.45 to 0.00';

const GARBAGE = 'Finite garbage without an error, for every number of tokens';
const TWO_BLOCKS = `Fluent text with wrong answers and no error, although the first 16 gate rows and the last 16 up rows of each expert check out.`;

const pair = (a: string, b: string, size: Omit<PairScene, 'a' | 'b'> = W13): IncidentPicture => ({
  kind: 'pair',
  pair: { ...size, a, b },
});

type Row = readonly [
  id: string,
  title: string,
  happens: string,
  looks: string,
  origin: string,
  picture: IncidentPicture,
  operand?: IncidentOperand,
];

const ROWS: readonly Row[] = [
  [
    'moe-l3-read-separated',
    'w13 and its scales shuffled for INTERLEAVE go to a SEPARATED kernel',
    'The shuffle put 16-row blocks of gate and up side by side, and the kernel expects all gate blocks first and all up blocks after them.',
    TWO_BLOCKS,
    `${FIRST_CAUSE}; AITER issue 3586`,
    pair(L3, L2),
  ],
  [
    'moe-l2-read-interleave',
    'w13 and its scales shuffled for SEPARATED go to an INTERLEAVE kernel',
    'The shuffle left all gate blocks before all up blocks, and the kernel expects 16-row blocks of gate and up side by side.',
    TWO_BLOCKS,
    'vLLM issue 44893, the other way round',
    pair(L2, L3),
  ],
  [
    'moe-l4-read-separated',
    'checkpoint rows are shuffled for a SEPARATED kernel without the de-interleave',
    'The checkpoint stores rows g0, u0, g1, u1 and so on, and they are shuffled as if all gate rows came first.',
    `${GARBAGE}, although the first gate row and the last up row of each expert check out.`,
    FIRST_CAUSE,
    pair(L4, L2),
  ],
  [
    'moe-l4-read-interleave',
    'checkpoint rows shuffled as if separated go to an INTERLEAVE kernel',
    'Rows of the checkpoint alternate gate and up, are shuffled as if they were separated, and a kernel reads them as alternating blocks of 16.',
    `${GARBAGE}.`,
    FIRST_CAUSE,
    pair(L4, L3),
  ],
  [
    'moe-l5-read-separated',
    'checkpoint rows shuffled with gate and up side by side go to a SEPARATED kernel',
    'Rows of the checkpoint alternate gate and up, are shuffled with the halves of each expert side by side, and a kernel reads them as separated.',
    `${GARBAGE}, although the first gate row and the last up row of each expert check out.`,
    'SGLang before PR 26884 with raw checkpoint rows',
    pair(L5, L2),
  ],
  [
    'moe-l5-read-interleave',
    'checkpoint rows are shuffled for an INTERLEAVE kernel without the de-interleave',
    'The checkpoint stores rows g0, u0, g1, u1 and so on, and they are shuffled for INTERLEAVE as if all gate rows came first.',
    `${GARBAGE}, although the first gate row and the last up row of each expert check out.`,
    'shuffle_weight_a16w4 on raw checkpoint rows',
    pair(L5, L3),
  ],
  [
    'moe-l6-read-separated',
    'w13 is de-interleaved twice, then shuffled for a SEPARATED kernel',
    'The rows were separated already, and a second de-interleave puts even rows before odd ones.',
    `${GARBAGE}, although the first gate row and the last up row of each expert check out.`,
    TWICE,
    pair(L6_SEPARATED, L2),
  ],
  [
    'moe-l6-read-interleave',
    'w13 is de-interleaved twice, then shuffled for an INTERLEAVE kernel',
    'The rows were separated already, and a second de-interleave puts even rows before odd ones, before the INTERLEAVE shuffle.',
    `${GARBAGE}, although the first gate row and the last up row of each expert check out.`,
    TWICE,
    pair(L6_INTERLEAVE, L3),
  ],
  [
    'moe-scale-not-deinterleaved',
    'weight and bias are de-interleaved, the scales are not',
    'Weight and bias were put into separated order, and their e8m0 scales kept the order of the checkpoint.',
    'Signs are right and each block is off by a power of two, which neighbouring rows of equal exponent hide.',
    'the three tensors are converted by hand',
    pair('gate_up_interleaved+shuffle_scale', 'shuffle_scale', { type: 'e8m0', shape: [256, 8], experts: 2 }),
    'weight scale',
  ],
  [
    'moe-bias-not-deinterleaved',
    'weight and scales are de-interleaved, the bias is not',
    'Weight and scales were put into separated order, and the bias kept the order of the checkpoint.',
    'Every channel has a small error, too small for a check of a few values.',
    'the three tensors are converted by hand',
    pair('gate_up_interleaved', 'row-major', { type: 'f32', shape: [2, 128], experts: 1 }),
    'bias',
  ],
  [
    'moe-shuffle-dropped-separated',
    'a plain w13 goes to a SEPARATED kernel that reads shuffled ones',
    'The weights were never shuffled, but carry the flag that says so, and a SEPARATED kernel reads them as shuffled.',
    `${GARBAGE}.`,
    'is_shuffled set on plain weights',
    pair('row-major', L2),
  ],
  [
    'moe-shuffle-dropped-interleave',
    'a plain w13 goes to an INTERLEAVE kernel that reads shuffled ones',
    'The weights were never shuffled, and an INTERLEAVE kernel that has no variant for plain ones reads them as shuffled.',
    `${GARBAGE}.`,
    'CK-Tile has no variant for plain weights and reads them as shuffled',
    pair('row-major', L3),
  ],
  [
    'moe-shuffled-twice',
    'w13 is shuffled a second time when weights are loaded again',
    'The shuffled weight is taken for a plain one after an update in place, and is shuffled again.',
    'Finite garbage from the first update of the weights on.',
    'weights updated in place; the flag of the old tensor survives or is lost',
    // The shuffle of 128 columns of fp4, applied to its own output.
    pair('(e) (n0 n1:4 n2:4) (k0 k1:2 k2:32) -> e n0 n2 k0 k1 n1 k2', L2),
  ],
  [
    'moe-shuffle-flag-lost',
    'a shuffled w13 goes to a kernel for plain ones, because is_shuffled was lost',
    'The flag is an attribute of the Python tensor, a view or a new parameter drops it, and a kernel for plain weights is picked.',
    'Few tokens give wrong answers and many give right ones, or both are wrong, depending on which kernels look at the flag.',
    `${FIRST_CAUSE}, second cause; SGLang issue 26216, vLLM issue 42061`,
    pair(L2, 'row-major'),
  ],
  [
    'moe-nibbles-swapped',
    'the two codes of each byte of w13 and w2 change places',
    'A byte holds two codes with the even element in the low nibble, and the reader takes it from the high one.',
    'Garbage from the first token on, not a small error, although every row holds the right codes.',
    'a reader with the other packing order',
    { kind: 'bits', panel: 'nibbles-swapped' },
  ],
  [
    'moe-stale-pad',
    'the intermediate pad of another TP size is declared, and real channels are left out',
    'The pad was computed for one TP size and is declared for another, so that the kernel takes real channels for padding.',
    'Answers are plausible and accuracy drops, with GSM8K at 0.684 instead of 0.896.',
    'vLLM issue 44679',
    { kind: 'pad' },
  ],
];

/** Mistakes with the weights of an MXFP4 mixture of experts. */
export const MOE_SCENES: readonly IncidentScene[] = ROWS.map(
  ([id, title, happens, looks, origin, picture, operand = 'weight']) => ({
    id,
    title,
    happens,
    looks,
    origin,
    operand,
    picture,
  }),
);
