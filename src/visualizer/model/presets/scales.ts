import { type Preset, rows } from './preset.ts';

export const WEIGHT_SCALES: readonly Preset[] = rows('weightScale', [
  [
    'scale-plain',
    'e8m0 scales, plain',
    'One byte for 32 columns, row-major: four bytes of a dword are neighbours along K.',
    { a: 'row-major', type: 'e8m0', shape: [256, 64], registers: 'load4' },
  ],
  [
    'scale-shuffled',
    'shuffle_scale',
    'A dword of one lane holds two rows 16 apart by two groups 4 apart; rows are padded to 256.',
    { a: 'shuffle_scale', type: 'e8m0', shape: [256, 64], registers: 'load4' },
  ],
  [
    'scale-shuffled-padded',
    'shuffle_scale with padding',
    '192 rows by 61 groups take 256 by 64 bytes; the source leaves the rest undefined.',
    { a: 'shuffle_scale', type: 'e8m0', shape: [192, 61], registers: 'load4' },
    'memory',
  ],
  [
    'scale-gate-up',
    'shuffle_scale, gate and up (a16w4)',
    'The low byte of a pair scales a gate row, the high byte the up row of the same channel.',
    { a: 'shuffle_scale(guinterleave,gate_up)', type: 'e8m0', shape: [256, 64], experts: 2, registers: 'load4' },
  ],
  [
    'scale-down',
    'shuffle_scale of the down weight (a16w4)',
    'Row blocks pair inside an expert; padding is 0x7f, which is 1.0.',
    { a: 'shuffle_scale(guinterleave)', type: 'e8m0', shape: [256, 64], experts: 2, registers: 'load4' },
  ],
]);

export const ACTIVATION_SCALES: readonly Preset[] = rows('activationScale', [
  [
    'x-scale-rm',
    'x_scale RM: row-major',
    'What kernels without preshuffle read: the groups of a token are neighbours.',
    { a: 'scale-rm', type: 'f32', shape: [21, 38], color: 'line', registers: 'load4' },
  ],
  [
    'x-scale-cm',
    'x_scale CM: column-major',
    'What preshuffled block-scale kernels read: the tokens of a group are neighbours, strides say so.',
    { a: 'scale-cm', type: 'f32', shape: [21, 38], color: 'line', registers: 'load4' },
  ],
  [
    'x-scale-tv',
    'x_scale TV: transposed view',
    'The bytes of CM under metadata of RM; torch cannot tell, and with one token nobody can.',
    { a: 'scale-tv', type: 'f32', shape: [21, 38], color: 'line', registers: 'load4' },
  ],
  [
    'x-scale-tma',
    'x_scale for TMA',
    'Columns of 21 tokens padded to 24, so that each begins on 16 bytes.',
    { a: 'scale-tma-aligned', type: 'f32', shape: [21, 38], color: 'line', registers: 'load4' },
  ],
  [
    'x-scale-ue8m0',
    'x_scale packed UE8M0',
    'Four groups of a token in one int32; tokens padded to 4, groups to 4 with zeros.',
    { a: 'scale-packed-ue8m0', type: 'e8m0', shape: [21, 38], color: 'line', registers: 'load4' },
  ],
]);
