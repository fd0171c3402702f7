import { elementBits } from '../../formats/element-type.ts';
import { MX_BLOCK } from '../../moe/expert-weights.ts';
import { shardHypothesis } from '../../moe/shard-hypotheses.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Hypothesis, MistakenCall, Variant } from '../hypothesis.ts';
import { fromIncident } from './from-incident.ts';
import { BOTH_STAGES, FIRST_STAGE } from './moe-call.ts';
import { downOf, gateUpOf, type Matrix, moveRows, type PlainEdit, plainPart, way, withMatrix } from './moe-parts.ts';

/** Pads that are declared: those of I = 2880 and other models at TP 1 to 8, in steps in which kernels count them. */
const PADS = [32, 48, 64, 96, 128, 152, 192, 256] as const;

/** The first `count` elements of each row kept, the others zero. @param plain row-major [E, rows, columns] */
function keepColumns(count: number): PlainEdit {
  return (plain) => {
    const [, , columns = 1] = plain.layout.shape;
    const bytesOf = (elements: number): number => (elements * elementBits(plain.type)) / 8;
    const bytes = plain.bytes.slice();
    for (let row = 0; row < bytes.length; row += bytesOf(columns))
      bytes.fill(0, row + bytesOf(count), row + bytesOf(columns));
    return { ...plain, bytes };
  };
}

/** The first `count` rows of each expert kept. */
function keepRows(count: number): PlainEdit {
  return (plain) => moveRows(plain, [{ from: 0, to: 0, count }]);
}

/** The first `count` gate rows and the first `count` up rows kept. */
function keepChannels(count: number): PlainEdit {
  return (plain) => {
    const half = (plain.layout.shape[1] ?? 0) / 2;
    return moveRows(plain, [
      { from: 0, to: 0, count },
      { from: half, to: half, count },
    ]);
  };
}

/** An edit of each matrix that the call has. */
function edited(
  call: KernelCall,
  gateUp: Parameters<typeof withMatrix>[2],
  down: Parameters<typeof withMatrix>[2],
): MistakenCall {
  const [first, second] = [gateUpOf(call), downOf(call)];
  const half = first === undefined ? call : withMatrix(call, first, gateUp);
  return second === undefined ? half : withMatrix(half, second, down);
}

/** H and I of the weights, padding included. */
function sizesOf(call: KernelCall): { readonly hidden: number; readonly inter: number } {
  const [first, second] = [gateUpOf(call), downOf(call)];
  if (second !== undefined) return { hidden: second.rows, inter: second.columns };
  return { hidden: first?.columns ?? 0, inter: (first?.rows ?? 0) / 2 };
}

/** Channels left out where kernels take the pad as it is, and where CK-Tile rounds it down: rows to 64, columns to 128. */
function stalePads(call: KernelCall): readonly Variant[] {
  const { inter } = sizesOf(call);
  const first = gateUpOf(call);
  return PADS.filter((pad) => pad < inter).flatMap((pad) => {
    const kept = inter - pad;
    const exact = way(`${pad} channels`, () =>
      edited(call, { weight: keepChannels(kept), bias: keepChannels(kept) }, { weight: keepColumns(kept) }),
    );
    const [rows, columns] = [floor(pad, 64), floor(pad, 128)];
    const same = rows === pad && columns === pad && first?.bias === undefined;
    // Nothing is left out, or nothing else than another pad leaves out.
    if (rows === 0 || first === undefined || same) return [exact];
    const rounded = way(`${pad} channels, which CK-Tile takes as ${rows} rows and ${columns} columns`, () =>
      edited(call, { weight: keepChannels(inter - rows) }, { weight: keepColumns(inter - columns) }),
    );
    return [rounded, exact];
  });
}

function floor(value: number, step: number): number {
  return Math.floor(value / step) * step;
}

function staleHiddenPads(call: KernelCall): readonly Variant[] {
  const { hidden } = sizesOf(call);
  const step = downOf(call) === undefined ? 128 : 64;
  return PADS.filter((pad) => pad < hidden && pad % step === 0).map((pad) => {
    const [columns, rows] = [floor(pad, 128), floor(pad, 64)];
    return way(`${pad} columns`, () =>
      edited(
        call,
        { weight: keepColumns(hidden - columns) },
        { weight: keepRows(hidden - rows), bias: keepRows(hidden - rows) },
      ),
    );
  });
}

/** Up rows stored from row `offset` on, read from row I on. */
function upAt(offset: number): PlainEdit {
  return (plain) => {
    const half = (plain.layout.shape[1] ?? 0) / 2;
    return moveRows(plain, [
      { from: 0, to: 0, count: offset },
      { from: half, to: offset, count: offset },
    ]);
  };
}

/** Gate rows of all experts up to the last that is not zero. */
function realChannels(weight: Tensor): number {
  const [experts = 0, rows = 0, columns = 0] = weight.layout.shape;
  const width = columns / 2;
  let real = 0;
  for (let expert = 0; expert < experts; expert += 1) {
    for (let row = rows / 2 - 1; row >= real; row -= 1) {
      const start = (expert * rows + row) * width;
      if (weight.bytes.subarray(start, start + width).some((byte) => byte !== 0)) real = row + 1;
    }
  }
  return real;
}

/** The number of real channels, where the weights show their padding; otherwise every number of blocks that pads to this I. */
function upOffsets(call: KernelCall, matrix: Matrix): readonly number[] {
  const inter = matrix.rows / 2;
  const real = realChannels(plainPart(call, matrix, 'weight'));
  if (real < inter) return real === 0 ? [] : [real];
  const offsets: number[] = [];
  for (let offset = inter - MX_BLOCK; offset >= Math.max(MX_BLOCK, inter - PAD_TO); offset -= MX_BLOCK)
    offsets.push(offset);
  return offsets;
}

/** Sizes are padded to multiples of this. */
const PAD_TO = 256;

const UP_OFFSET = shardHypothesis('up-offset-unpadded');

/** Mistakes with tensor parallelism and the padding that it needs. */
export const MOE_SHARDING_HYPOTHESES: readonly Hypothesis[] = [
  {
    ...fromIncident('moe-stale-pad', {
      family: 'sharding and padding',
      ops: BOTH_STAGES,
      remedy:
        'Compute intermediate_pad anew for each TP size (moePadding), and compare it with the zero tail of the weights.',
      hiddenBy: 'weights whose last channels are padding',
    }),
    origin: 'vLLM issue 44679; derived: SGLang Mxfp4MoEMethod loads whole blocks of 32, but declares the pad of I / tp',
    variants: stalePads,
  },
  {
    id: 'moe-stale-hidden-pad',
    title: 'a hidden pad is declared where there is none, and real columns are left out',
    family: 'sharding and padding',
    ops: BOTH_STAGES,
    symptom: 'the last columns of y are zero, and a small error in all others',
    origin:
      'derived: CK-Tile leaves out floor(hidden_pad / 128) * 128 columns in stage 1 and floor(hidden_pad / 64) * 64 rows in stage 2',
    evidence: 'derived',
    remedy: 'Declare hidden_pad as the padded H less H, and 0 for sizes that are multiples of 256.',
    hiddenBy: 'weights whose last columns are padding',
    variants: staleHiddenPads,
  },
  {
    id: 'moe-up-offset-unpadded',
    title: UP_OFFSET.title,
    family: 'gate and up',
    ops: FIRST_STAGE,
    symptom: `finite garbage: ${UP_OFFSET.effect}`,
    origin: UP_OFFSET.origin,
    evidence: UP_OFFSET.evidence,
    remedy: 'Store up rows from the padded I on: pad gate and up each by themselves (padExperts), then shuffle.',
    hiddenBy: 'an I that needs no padding',
    variants(call) {
      const matrix = gateUpOf(call);
      if (matrix === undefined) return [];
      return upOffsets(call, matrix).map((offset) => {
        const edit = upAt(offset);
        return way(`up rows from ${offset} on`, () =>
          withMatrix(call, matrix, { weight: edit, scale: edit, bias: edit }),
        );
      });
    },
  },
];
