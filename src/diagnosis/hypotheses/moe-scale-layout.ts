import type { Layout } from '../../layout/layout.ts';
import { bindPattern, parsePattern } from '../../layout/notation.ts';
import { rowMajor } from '../../layout/plain.ts';
import type { W13Shuffle } from '../../layout/w13-faults.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { tensor } from '../../tensor/make.ts';
import { readAs, storedIn } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Hypothesis, Variant } from '../hypothesis.ts';
import { BOTH_STAGES, FIRST_STAGE, SECOND_STAGE } from './moe-call.ts';
import { type Matrix, matricesOf, misread, way, withMatrix } from './moe-parts.ts';
import {
  expectedModes,
  mistakenModes,
  modeName,
  notShuffled,
  otherMode,
  plainLayout,
  shuffledLayout,
  shuffledOnceMore,
  transposedLayout,
  wrongMode,
} from './moe-shuffles.ts';

const SYMPTOM =
  'right signs, but blocks of 32 are off by powers of two, from nothing to everything, for every number of tokens';
const EQUAL = 'equal exponents: random weights of one size have few different ones';

type ScaleMistake = (plain: Tensor, matrix: Matrix, mode: W13Shuffle) => Tensor;

/** Ways of a mistake with the scales of one matrix, in each gate mode that its kernel can have. */
function scaleWays(
  call: KernelCall,
  matrix: Matrix,
  mistakes: readonly (readonly [string, ScaleMistake])[],
): readonly Variant[] {
  const modes = expectedModes(matrix);
  return modes.flatMap((mode) =>
    mistakes.map(([name, mistake]) => {
      const details = [...(modes.length > 1 ? [`for ${modeName(mode)}`] : []), ...(name === '' ? [] : [name])];
      return way(details.join(', '), () =>
        withMatrix(call, matrix, { scale: (plain) => mistake(plain, matrix, mode) }),
      );
    }),
  );
}

function ofKind(kind: Matrix['kind'], variants: (call: KernelCall, matrix: Matrix) => readonly Variant[]) {
  return (call: KernelCall): readonly Variant[] => {
    const matrix = matricesOf(call).find((own) => own.kind === kind);
    return matrix === undefined ? [] : variants(call, matrix);
  };
}

/** Columns of scales are padded to whole groups of eight before a shuffle. */
function hasPaddedColumns({ columns }: Matrix): boolean {
  return (columns / 32) % 8 !== 0;
}

/** Scales row by row, each row padded to whole groups of eight columns. */
function paddedRows(matrix: Matrix): Layout {
  const { shape } = plainLayout(matrix, 'scale');
  return bindPattern(parsePattern('m=(m) g=(g | pad 8) -> m g'), shape, { id: 'padded-rows' });
}

/** Missing where the kernel reads shuffled scales. */
function notShuffledScale(kind: Matrix['kind']): Hypothesis {
  return {
    id: `moe-${kind}-scale-not-shuffled`,
    title: `the scales of ${kind} are plain, and the kernel reads shuffled ones`,
    family: 'scale layout',
    ops: kind === 'w13' ? FIRST_STAGE : SECOND_STAGE,
    acrossExperts: true,
    symptom: SYMPTOM,
    origin:
      'derived: shuffle_scale in AITER returns float32 scales as they are, and is a call of its own beside shuffle_weight',
    evidence: 'derived',
    remedy: `Call shuffle_scale on the e8m0 bytes of ${kind}_scale, viewed as [E * rows, columns / 32], whenever ${kind} is shuffled.`,
    hiddenBy: EQUAL,
    variants: ofKind(kind, (call, matrix) =>
      scaleWays(call, matrix, [
        ['', (plain, own, mode) => notShuffled(plain, own, mode, 'scale')],
        ...(hasPaddedColumns(matrix)
          ? [
              [
                'columns padded to a multiple of 8',
                (plain: Tensor, own: Matrix, mode: W13Shuffle) =>
                  misread(plain, paddedRows(own), shuffledLayout(own, mode, 'scale')),
              ] as const,
            ]
          : []),
      ]),
    ),
  };
}

/** Unexpected where the kernel reads plain scales, and twice where it reads shuffled ones. */
function shuffledAgainScale(kind: Matrix['kind']): Hypothesis {
  return {
    id: `moe-${kind}-scale-shuffled-again`,
    title: `the scales of ${kind} are shuffled once more than the kernel reads them: twice, or for a kernel that reads plain ones`,
    family: 'scale layout',
    ops: kind === 'w13' ? FIRST_STAGE : SECOND_STAGE,
    acrossExperts: true,
    symptom: SYMPTOM,
    origin: 'derived: shuffle_scale in AITER leaves no flag on what it returns, unlike shuffle_weight',
    evidence: 'derived',
    remedy: `Shuffle ${kind}_scale once, from the plain tensor, and only for kernels that read shuffled scales.`,
    hiddenBy: EQUAL,
    variants: ofKind(kind, (call, matrix) =>
      scaleWays(call, matrix, [
        ['', (plain, own, mode) => misread(plain, shuffledLayout(own, mode, 'scale'), paddedRows(own))],
        ...(hasPaddedColumns(matrix)
          ? [
              [
                'read without the padding of columns',
                (plain: Tensor, own: Matrix, mode: W13Shuffle) => shuffledOnceMore(plain, own, mode, 'scale'),
              ] as const,
            ]
          : []),
      ]),
    ),
  };
}

/** Each expert's scales shuffled by itself, with rows padded to 256, and read as one shuffle over all experts. */
function paddedPerExpert(plain: Tensor, matrix: Matrix): Tensor {
  const [experts = 0, rows = 0, groups = 0] = plain.layout.shape;
  const read = shuffledLayout(matrix, 'separated', 'scale');
  const bytes = new Uint8Array(read.storageSize).fill(0x7f);
  const own = shuffledLayout({ ...matrix, experts: 1 }, 'separated', 'scale');
  for (let expert = 0; expert < experts; expert += 1) {
    const start = expert * own.storageSize;
    if (start >= bytes.length) break;
    const part = plain.bytes.subarray(expert * rows * groups, (expert + 1) * rows * groups);
    const shuffled = storedIn(tensor(plain.name, plain.type, rowMajor([rows, groups]), part, plain.scaling), own, 0x7f);
    bytes.set(shuffled.bytes.subarray(0, bytes.length - start), start);
  }
  const taken = tensor(plain.name, plain.type, read, bytes, plain.scaling);
  return readAs(storedIn(taken, plainLayout(matrix, 'scale')), plain.layout);
}

/** Scales of each expert as [columns / 32, rows]. */
function transposed(plain: Tensor): Tensor {
  const { shape } = plain.layout;
  return misread(plain, transposedLayout(shape), rowMajor(shape));
}

/** Mistakes with the stored order of e8m0 scales alone. */
export const MOE_SCALE_LAYOUT_HYPOTHESES: readonly Hypothesis[] = [
  notShuffledScale('w13'),
  notShuffledScale('w2'),
  shuffledAgainScale('w13'),
  shuffledAgainScale('w2'),
  {
    id: 'moe-scale-other-gate-mode',
    title: 'the scales of w13 are shuffled for the other gate mode than w13 and the kernel',
    family: 'scale layout',
    ops: FIRST_STAGE,
    symptom: SYMPTOM,
    origin: 'derived: shuffle_weight and shuffle_scale in AITER take is_guinterleave and gate_up each for itself',
    evidence: 'derived',
    remedy: 'Pass the same is_guinterleave and gate_up to shuffle_weight and shuffle_scale.',
    hiddenBy: `${EQUAL}; halves of 32 rows, where both gate modes mistake each other alike`,
    variants: ofKind('w13', (call, matrix) =>
      mistakenModes(matrix).map((read) =>
        way(`read as ${modeName(read)}`, () =>
          withMatrix(call, matrix, { scale: (plain) => wrongMode(plain, matrix, otherMode(read), read, 'scale') }),
        ),
      ),
    ),
  },
  {
    id: 'moe-scale-padded-per-expert',
    acrossExperts: true,
    title: 'scales are shuffled expert by expert, each padded to 256 rows, and read as one shuffle over all experts',
    family: 'scale layout',
    ops: BOTH_STAGES,
    symptom: 'expert 0 is right, the others have scales of padding or of an expert before them',
    origin:
      'derived: shuffle_scale in AITER pads the rows of all experts together, and takes [E * rows, columns / 32] for that reason',
    evidence: 'derived',
    remedy: 'View the scales as [E * rows, columns / 32] and call shuffle_scale once.',
    hiddenBy: 'rows of an expert that are a multiple of 256; one expert',
    variants: (call) =>
      matricesOf(call)
        .filter(({ experts, rows, family }) => experts > 1 && rows % 256 !== 0 && family !== 'shuffled-guinterleave')
        .map((matrix) =>
          way(matrix.kind, () => withMatrix(call, matrix, { scale: (plain) => paddedPerExpert(plain, matrix) })),
        ),
  },
  {
    id: 'moe-scale-transposed',
    title: 'the scales of an expert are stored as [columns / 32, rows] and read as [rows, columns / 32]',
    family: 'scale layout',
    ops: BOTH_STAGES,
    symptom: SYMPTOM,
    origin: 'derived: _swizzle_mxfp4 in vLLM transposes weights and scales for Triton kernels, which take [E, K, N]',
    evidence: 'derived',
    remedy: 'Transpose the scales back, or load them anew, before they are shuffled for AITER.',
    hiddenBy: EQUAL,
    variants: (call) =>
      matricesOf(call).map((matrix) => way(matrix.kind, () => withMatrix(call, matrix, { scale: transposed }))),
  },
];
