import { FP4, type Preset, rows } from './preset.ts';

export const GFX1250: readonly Preset[] = rows('gfx1250', [
  [
    'gfx1250-weight',
    'shuffle_weight_gfx1250',
    'The bytes of shuffle_weight (16,16), presented as [N / 16, 16 K].',
    { a: 'shuffle_weight_gfx1250', shape: [64, 128] },
  ],
  [
    'gfx1250-moe',
    'moe_shuffle_weight',
    'Single rows of gate and up alternate, where gfx950 alternates blocks of 16.',
    { a: 'moe_shuffle_weight_gfx1250', type: FP4, shape: [2, 64, 256], color: 'line' },
  ],
  [
    'gfx1250-a',
    'shuffle_mxfp8fp4_a',
    'Activations in tiles of 2 rows by 128 columns.',
    { a: 'shuffle_mxfp8fp4_a', shape: [32, 256] },
  ],
  [
    'gfx1250-b',
    'shuffle_mxfp8fp4_b',
    'Weights in tiles of 16 rows by 16 columns.',
    { a: 'shuffle_mxfp8fp4_b', shape: [64, 128] },
  ],
  [
    'gfx1250-scale',
    'shuffle_mxfp8fp4_scale',
    'Scales in tiles of 32 rows by 4 groups; 40 rows are padded to 64 with 0x7f.',
    { a: 'shuffle_mxfp8fp4_scale', type: 'e8m0', shape: [40, 64], registers: 'load4' },
  ],
  [
    'gfx1250-n32k4',
    'shuffle_scale_n32k4',
    'Scales in blocks of 32 rows by 4 groups: a dword is four groups of one row.',
    { a: 'shuffle_scale_n32k4', type: 'e8m0', shape: [128, 64], experts: 2, registers: 'load4' },
  ],
  [
    'gfx1250-n32k4-gate-up',
    'shuffle_scale_n32k4, gate and up',
    'Rows of gate and up alternate before the blocks of 32 by 4 are formed.',
    { a: 'shuffle_scale_n32k4(gate_up)', type: 'e8m0', shape: [128, 64], experts: 2, registers: 'load4' },
  ],
]);
