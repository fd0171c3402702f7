import { FP4, MX, type Preset, rows } from './preset.ts';

export const MODELS: readonly Preset[] = rows('model', [
  [
    'deepseek-weight',
    'DeepSeek and GLM: fp8 weight 4096x7168',
    '29 million elements with one float scale for every 128x128 block.',
    {
      a: 'shuffle_weight(16,16)',
      shape: [4096, 7168],
      scale: { block: [128, 128], type: 'f32', layout: 'row-major' },
      color: 'scale',
    },
  ],
  [
    'deepseek-x-scale',
    'DeepSeek: x_scale of 512 tokens, K 7168',
    'One float for 128 columns of a token, column-major for the preshuffled GEMM.',
    { a: 'scale-cm', type: 'f32', shape: [512, 56], color: 'line', registers: 'load4' },
  ],
  [
    'gpt-oss-w13',
    'GPT-OSS 120b: w13, 128 experts of 5760x2880 fp4',
    'Rows of 1440 bytes: the separated shuffle takes them, CK misreads them, and a16w4 rejects them.',
    {
      a: 'shuffle_weight(16,16)',
      type: FP4,
      shape: [128, 5760, 2880],
      experts: 128,
      scale: MX('shuffle_scale'),
      color: 'expert',
    },
  ],
  [
    'gpt-oss-w13-padded',
    'GPT-OSS 120b: w13 padded to 6144x3072',
    'Padded for INTERLEAVE: 16-row blocks of gate and up alternate in every expert.',
    {
      a: 'shuffle_weight(guinterleave,gate_up)',
      type: FP4,
      shape: [128, 6144, 3072],
      experts: 128,
      scale: MX('shuffle_scale(guinterleave,gate_up)'),
      color: 'expert',
    },
  ],
  [
    'gpt-oss-w13-scale',
    'GPT-OSS 120b: scales of w13',
    '128 experts of 5760 rows by 90 groups of 32: groups are padded to 96.',
    { a: 'shuffle_scale', type: 'e8m0', shape: [737_280, 90], experts: 128, color: 'lane', registers: 'load4' },
  ],
]);
