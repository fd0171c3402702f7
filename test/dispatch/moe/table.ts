import type { MoeFacts, MoeOutcome } from '../../../src/dispatch/moe/outcome.ts';
import type { W13LayoutId } from '../../../src/layout/w13.ts';

/*
 * The decision table of AITER at HEAD on gfx950, row by row as it was written down: weights fp4x2, gate and up in one, a bf16 model.
 * Nothing here comes from the rules.
 */

export const BOTH = { w13: true, w2: true };
export const NONE = { w13: false, w2: false };
export const A4W4 = {
  stage1: 'flydsl_moe1_afp4_wfp4_bf16_t64x128x256_w3_bnt0',
  stage2: 'flydsl_moe2_afp4_wfp4_bf16_t64x128x256',
};
export const A8W4 = {
  stage1: 'flydsl_moe1_afp8_wfp4_bf16_t64x128x256_w3_gui_fp8',
  stage2: 'flydsl_moe2_afp8_wfp4_bf16_t64x128x256',
};
export const A16W4 = { stage1: 'swiglu_mxfp4_bf16_cktile', stage2: 'swiglu_mxfp4_bf16_cktile' };
export const MXMOE = { stage1: 'flydsl_mxmoe_g1_a4w4_bf16', stage2: 'flydsl_mxmoe_g2_a4w4_bf16' };

export type Call = Omit<MoeFacts, 'w13'>;
export type Cell = 'OK' | 'SILENT' | 'ERR' | 'SILENT/ERR';
/** L2, L3, L1, and L0, L4, L5, L6 alike. */
type Cells = readonly [Cell, Cell, Cell, Cell];

const swiglu: Pick<Call, 'activation' | 'bias' | 'swigluLimit'> = { activation: 'Swiglu', bias: 'f32', swigluLimit: 7 };
export const separated = (m: number, flags: Call['flags'], more: Partial<Call> = {}): Call => ({
  gateMode: 'SEPARATED',
  ...swiglu,
  flags,
  m,
  ...more,
});
export const interleave = (m: number, flags: Call['flags'], more: Partial<Call> = {}): Call => ({
  ...separated(m, flags, more),
  gateMode: 'INTERLEAVE',
});
export const silu = (gateMode: Call['gateMode'], m: number, flags: Call['flags'], more: Partial<Call> = {}): Call => ({
  gateMode,
  activation: 'Silu',
  flags,
  m,
  ...more,
});

export interface Row {
  readonly row: string;
  readonly calls: readonly Call[];
  readonly kernel: MoeOutcome['kernel'];
  readonly type: MoeOutcome['activationType'];
  /** Undefined: the table has no entry. */
  readonly expects: W13LayoutId | undefined;
  readonly cells: Cells;
  readonly evidence?: MoeOutcome['evidence'];
}

const SMALL = [1, 64, 255];
const LARGE = [256, 1000, 40000, 200000];
const each = (tokens: readonly number[], make: (m: number) => Call): readonly Call[] => tokens.map(make);

export const TABLE: readonly Row[] = [
  {
    row: '1',
    calls: [
      ...each(SMALL, (m) => separated(m, BOTH)),
      separated(64, BOTH, { tuned: A16W4 }),
      separated(64, { w13: false, w2: true }),
    ],
    kernel: 'cktile-split-k-standard',
    type: 'bf16',
    expects: 'L2',
    cells: ['OK', 'SILENT', 'SILENT', 'SILENT'],
  },
  {
    row: '2 heuristic',
    calls: each(LARGE, (m) => separated(m, BOTH)),
    kernel: 'flydsl',
    type: 'fp4x2',
    expects: 'L2',
    cells: ['OK', 'SILENT', 'SILENT', 'SILENT'],
  },
  {
    row: '2 tuned',
    calls: each(LARGE, (m) => separated(m, BOTH, { tuned: A4W4 })),
    kernel: 'flydsl-tuned',
    type: 'fp4x2',
    expects: 'L2',
    cells: ['OK', 'SILENT', 'SILENT', 'SILENT'],
  },
  {
    row: '3',
    calls: each(SMALL, (m) => separated(m, NONE, { tuned: A16W4 })),
    kernel: 'asm-2-stage',
    type: 'bf16',
    expects: undefined,
    cells: ['ERR', 'ERR', 'ERR', 'ERR'],
    evidence: 'derived',
  },
  {
    row: '4',
    calls: each(SMALL, (m) => separated(m, NONE)),
    kernel: 'cktile-split-k-auto',
    type: 'bf16',
    expects: undefined,
    cells: ['ERR', 'ERR', 'ERR', 'ERR'],
    evidence: 'source',
  },
  {
    row: '4b',
    calls: each(SMALL, (m): Call => ({ gateMode: 'SEPARATED', activation: 'Swiglu', flags: NONE, m })),
    kernel: 'cktile-split-k-auto',
    type: 'bf16',
    expects: 'L3',
    cells: ['SILENT', 'OK', 'SILENT', 'SILENT'],
  },
  {
    row: '5',
    calls: each(LARGE, (m) => separated(m, NONE, { tuned: A4W4 })),
    kernel: 'flydsl-tuned',
    type: 'fp4x2',
    expects: 'L2',
    cells: ['OK', 'SILENT', 'SILENT', 'SILENT'],
  },
  {
    row: '6',
    calls: each(LARGE, (m) => separated(m, NONE)),
    kernel: 'cktile-split-k-auto',
    type: 'fp4x2',
    expects: undefined,
    cells: ['ERR', 'ERR', 'ERR', 'ERR'],
    evidence: 'source',
  },
  ...(['pr-3123', 'pr-3401', 'pr-3212'] as const).map(
    (aiter): Row => ({
      row: `3-6 old, ${aiter}`,
      calls: [...SMALL, ...LARGE].map((m) => separated(m, NONE, { aiter, ...(m < 256 ? { tuned: A16W4 } : {}) })),
      kernel: 'ck2stages',
      // The small ones; the large ones are fp4x2 and checked below.
      type: 'bf16',
      expects: 'L1',
      cells: ['SILENT/ERR', 'SILENT/ERR', 'ERR', 'SILENT/ERR'],
      evidence: 'issue',
    }),
  ),
  {
    row: '7',
    calls: [BOTH, NONE].flatMap((flags) =>
      SMALL.flatMap((m) => [interleave(m, flags), interleave(m, flags, { tuned: A16W4 })]),
    ),
    kernel: 'cktile-fused',
    type: 'bf16',
    expects: 'L3',
    cells: ['SILENT', 'OK', 'SILENT', 'SILENT'],
  },
  {
    row: '8',
    calls: [BOTH, NONE].flatMap((flags) => each(LARGE, (m) => interleave(m, flags, { tuned: A8W4 }))),
    kernel: 'flydsl-tuned',
    type: 'fp8',
    expects: 'L3',
    cells: ['SILENT', 'OK', 'SILENT', 'SILENT'],
  },
  {
    row: '9',
    calls: [BOTH, NONE].flatMap((flags) => each(LARGE, (m) => interleave(m, flags))),
    kernel: 'cktile-fused',
    type: 'fp8',
    expects: 'L3',
    cells: ['SILENT', 'OK', 'SILENT', 'SILENT'],
  },
  {
    row: '10 FlyDSL',
    calls: each([...SMALL, ...LARGE], (m) => silu('SEPARATED', m, BOTH)),
    kernel: 'flydsl',
    type: 'fp4x2',
    expects: 'L2',
    cells: ['OK', 'SILENT', 'SILENT', 'SILENT'],
  },
  {
    row: '10 mxmoe',
    calls: each([...SMALL, ...LARGE], (m) => silu('SEPARATED', m, BOTH, { tuned: MXMOE })),
    kernel: 'mxmoe',
    type: 'fp4x2',
    expects: 'L2',
    cells: ['OK', 'SILENT', 'SILENT', 'SILENT'],
  },
  {
    row: '10b',
    calls: each([1, 8], (m) => silu('SEPARATED', m, BOTH, { flydslForce: false, ksplit: 2 })),
    kernel: 'cktile-split-k-auto',
    type: 'fp4x2',
    expects: 'L3',
    cells: ['SILENT', 'OK', 'SILENT', 'SILENT'],
    evidence: 'derived',
  },
  {
    row: '11',
    calls: each([...SMALL, ...LARGE], (m) => silu('SEPARATED', m, NONE)),
    kernel: 'ck2stages',
    type: 'fp4x2',
    expects: 'L1',
    cells: ['SILENT', 'SILENT', 'OK', 'SILENT'],
  },
  {
    row: '12',
    calls: each(LARGE, (m) => silu('INTERLEAVE', m, BOTH)),
    kernel: 'flydsl',
    type: 'fp8',
    expects: 'L3',
    cells: ['SILENT', 'OK', 'SILENT', 'SILENT'],
  },
  {
    row: '13',
    calls: each(LARGE, (m) => silu('INTERLEAVE', m, NONE)),
    kernel: 'ck2stages',
    type: 'fp8',
    expects: undefined,
    cells: ['ERR', 'ERR', 'ERR', 'ERR'],
    evidence: 'derived',
  },
  {
    row: '14',
    calls: each([1, 8], (m) => silu('INTERLEAVE', m, BOTH, { ksplit: 2 })),
    kernel: 'cktile-split-k-auto',
    type: 'bf16',
    expects: 'L3',
    cells: ['SILENT', 'OK', 'SILENT', 'SILENT'],
  },
  ...[BOTH, NONE].map(
    (flags): Row => ({
      row: `15, ${flags === BOTH ? 'flagged' : 'not flagged'}`,
      calls: each(SMALL, (m) => silu('INTERLEAVE', m, flags)),
      kernel: 'ck2stages',
      type: 'bf16',
      expects: flags === BOTH ? 'L2' : 'L1',
      cells: ['SILENT/ERR', 'SILENT/ERR', 'SILENT/ERR', 'SILENT/ERR'],
      evidence: 'open',
    }),
  ),
  {
    row: '16',
    calls: (['SEPARATED', 'INTERLEAVE'] as const).flatMap((gateMode) =>
      [1, 64, 1000].map((m): Call => ({ gateMode, activation: 'Situv2', flags: NONE, m })),
    ),
    kernel: 'not-implemented',
    type: 'bf16',
    expects: undefined,
    cells: ['ERR', 'ERR', 'ERR', 'ERR'],
    evidence: 'source',
  },
];
