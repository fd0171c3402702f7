import { FP4, MX, type Preset, rows } from './preset.ts';

export const WEIGHTS: readonly Preset[] = rows('weight', [
  [
    'plain',
    'Plain [N, K]',
    'Neighbouring lanes load neighbouring columns of one row, where a matrix instruction wants sixteen rows.',
    { a: 'row-major', shape: [64, 128] },
  ],
  [
    'column-major',
    'Column-major',
    'One lane loads sixteen rows of a single column.',
    { a: 'column-major', shape: [64, 128] },
  ],
  [
    'weight-fp8',
    'shuffle_weight (16,16), fp8',
    'A lane loads 16 bytes of one row; lanes 0 to 15 hold sixteen rows of the same columns.',
    { a: 'shuffle_weight(16,16)', shape: [64, 128] },
  ],
  [
    'weight-fp4',
    'shuffle_weight (16,16), fp4',
    'The same bytes hold 32 columns a lane, which is one MXFP4 block with one e8m0 scale.',
    { a: 'shuffle_weight(16,16)', type: FP4, shape: [64, 256], scale: MX('shuffle_scale') },
  ],
  [
    'weight-bf16',
    'shuffle_weight (16,16), bf16',
    'Two bytes an element: 16 bytes of a lane are 8 columns.',
    { a: 'shuffle_weight(16,16)', type: 'bf16', shape: [64, 64] },
  ],
  [
    'weight-32-16',
    'shuffle_weight (32,16)',
    'Tiles of 32 rows, as older assembly kernels read them: a load covers 32 rows of two pieces.',
    { a: 'shuffle_weight(32,16)', shape: [64, 128] },
  ],
  [
    'weight-16-32',
    'shuffle_weight (16,32)',
    'The bytes of (16,16); K must be a multiple of 64 instead of 32.',
    { a: 'shuffle_weight(16,32)', shape: [64, 128] },
  ],
  [
    'weight-nk',
    'shuffle_weight_NK 16x32',
    'A lane holds 8 bytes, as v_mfma_f32_16x16x32_fp8_fp8 takes them: a 16-byte load spans two rows.',
    { a: 'shuffle_weight_NK', shape: [64, 128], registers: 'load8' },
  ],
]);

export const GATE_UP: readonly Preset[] = rows('gateUp', [
  [
    'checkpoint-interleaved',
    'Checkpoint, interleaved (L0)',
    'GPT-OSS stores rows g0, u0, g1, u1, …: logical rows i and I + i are neighbours in memory.',
    { a: 'gate_up_interleaved', type: FP4, shape: [2, 64, 128], color: 'line' },
  ],
  [
    'checkpoint-separated',
    'Checkpoint, separated (L1)',
    'All gate rows, then all up rows: what both shuffles start from.',
    { a: 'row-major', type: FP4, shape: [2, 64, 128], color: 'line' },
  ],
  [
    'gate-up-separated',
    'Shuffled for SEPARATED (L2)',
    'Gate tiles first, up tiles behind them; scales shuffled without gate_up.',
    { a: 'shuffle_weight(16,16)', type: FP4, shape: [2, 64, 256], scale: MX('shuffle_scale'), color: 'line' },
  ],
  [
    'gate-up-interleave',
    'Shuffled for INTERLEAVE, a16w4 (L3)',
    'Blocks of 16 gate rows and 16 up rows alternate, so that one wave meets both halves of SwiGLU.',
    {
      a: 'shuffle_weight(guinterleave,gate_up)',
      type: FP4,
      shape: [2, 64, 256],
      scale: MX('shuffle_scale(guinterleave,gate_up)'),
      color: 'line',
    },
  ],
  [
    'down-a16w4',
    'Down weight of a16w4',
    'Without gate and up the bytes equal the separated shuffle.',
    {
      a: 'shuffle_weight(guinterleave)',
      type: FP4,
      shape: [2, 64, 256],
      scale: MX('shuffle_scale(guinterleave)'),
      color: 'line',
    },
  ],
]);
