import { describe, expect, it } from 'vitest';
import { type MoeOutcome, moeOutcome } from '../../../src/dispatch/moe/outcome.ts';
import {
  gateUpInterleaved,
  shuffleScale,
  shuffleScaleGuinterleave,
  shuffleWeight,
  shuffleWeightGuinterleave,
} from '../../../src/layout/catalog.ts';
import type { Layout } from '../../../src/layout/layout.ts';
import { permute } from '../../../src/layout/permute.ts';
import { rowMajor } from '../../../src/layout/plain.ts';
import type { W13LayoutId } from '../../../src/layout/w13.ts';
import { BOTH, interleave, separated, TABLE } from './table.ts';

// Two experts of 64 + 64 rows by 256 fp4 columns (128 bytes, 8 scales): several blocks of everything.
const [E, I, K, G] = [2, 64, 256, 8];
const ROWS = [E, 2 * I, K] as const;
const SCALES = [E, 2 * I, G] as const;
const FLAT = [E * 2 * I, G] as const;
const KB = K / 2;

/** Bytes that say where they belong: low or high half of their own address in separated rows. */
function addresses(count: number, half: 'low' | 'high'): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => (half === 'low' ? index : index >> 8) & 255);
}

const weightShuffles = {
  separated: shuffleWeight(ROWS, { bits: 4 }),
  interleave: shuffleWeightGuinterleave(ROWS, { bits: 4, gateUp: true }),
};
const scaleShuffles = {
  separated: shuffleScale(FLAT),
  interleave: shuffleScaleGuinterleave(FLAT, { experts: E, gateUp: true }),
};

type Shuffle = keyof typeof weightShuffles;

/** What a loader did, as operations on bytes: each reads its input as if it were in the order it wants. */
interface History {
  readonly w13: W13LayoutId;
  readonly deinterleaves: 0 | 1 | 2;
  readonly shuffle?: Shuffle;
}

const HISTORIES: readonly History[] = [
  { w13: 'L0', deinterleaves: 0 },
  { w13: 'L1', deinterleaves: 1 },
  { w13: 'L2', deinterleaves: 1, shuffle: 'separated' },
  { w13: 'L3', deinterleaves: 1, shuffle: 'interleave' },
  { w13: 'L4', deinterleaves: 0, shuffle: 'separated' },
  { w13: 'L5', deinterleaves: 0, shuffle: 'interleave' },
  { w13: 'L6', deinterleaves: 2 },
  { w13: 'L6', deinterleaves: 2, shuffle: 'separated' },
  { w13: 'L6', deinterleaves: 2, shuffle: 'interleave' },
];

interface Kind {
  readonly count: number;
  readonly bits: 4 | 8;
  readonly shape: readonly number[];
  /** Shape that the shuffle takes. */
  readonly flat: readonly number[];
  readonly shuffles: Readonly<Record<Shuffle, Layout>>;
}

const WEIGHT: Kind = { count: E * 2 * I * KB, bits: 4, shape: ROWS, flat: ROWS, shuffles: weightShuffles };
const SCALE: Kind = { count: E * 2 * I * G, bits: 8, shape: SCALES, flat: FLAT, shuffles: scaleShuffles };

function stored({ bits, shape, flat, shuffles }: Kind, logical: Uint8Array, history: History): Uint8Array {
  // The checkpoint, and then what was done to it.
  let bytes: Uint8Array = permute(logical, rowMajor(shape), gateUpInterleaved(shape), bits);
  for (let times = 0; times < history.deinterleaves; times += 1) {
    bytes = permute(bytes, gateUpInterleaved(shape), rowMajor(shape), bits);
  }
  return history.shuffle === undefined ? bytes : permute(bytes, rowMajor(flat), shuffles[history.shuffle], bits);
}

/** Whether a kernel that reads in one layout gets every byte of the logical tensor. */
function readsAll(kind: Kind, history: History, expects: 'L1' | 'L2' | 'L3'): boolean {
  const { count, bits, flat, shuffles } = kind;
  const layout = { L1: rowMajor(flat), L2: shuffles.separated, L3: shuffles.interleave }[expects];
  return (['low', 'high'] as const).every((half) => {
    const logical = addresses(count, half);
    const bytes = stored(kind, logical, history);
    const got = permute(bytes, layout, rowMajor(flat), bits);
    return got.every((byte, index) => byte === logical[index]);
  });
}

const cache = new Map<string, boolean>();

/** Whether both weight and scale arrive. Scales are shuffled for every kernel, also where the weight is not. */
function simulated(history: History, expects: 'L1' | 'L2' | 'L3'): boolean {
  const key = `${history.w13} ${history.shuffle} ${expects}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const scales =
    expects === 'L1' ? readsAll(SCALE, { ...history, shuffle: 'separated' }, 'L2') : readsAll(SCALE, history, expects);
  const result = readsAll(WEIGHT, history, expects) && scales;
  cache.set(key, result);
  return result;
}

/** Where a kernel runs and it is known what it reads. */
function runs({ verdict, orElse, evidence, expects }: MoeOutcome): boolean {
  return expects !== undefined && evidence !== 'open' && (verdict !== 'error' || orElse !== undefined);
}

describe('the verdicts agree with what a kernel would read', () => {
  it.each(TABLE)('row $row', ({ calls }) => {
    for (const call of calls) {
      for (const history of HISTORIES) {
        const outcome = moeOutcome({ ...call, w13: history.w13 });
        if (!runs(outcome) || outcome.expects === undefined) continue;
        const where = `${history.w13} ${history.shuffle ?? ''} before ${outcome.kernel}, m = ${call.m}`;
        expect(simulated(history, outcome.expects), where).toBe(outcome.verdict === 'right');
      }
    }
  });

  it('covers every order before every reader', () => {
    expect(
      HISTORIES.map((history) => (['L1', 'L2', 'L3'] as const).map((expects) => simulated(history, expects))),
    ).toEqual([
      [false, false, false],
      [true, false, false],
      [false, true, false],
      [false, false, true],
      [false, false, false],
      [false, false, false],
      [false, false, false],
      [false, false, false],
      [false, false, false],
    ]);
  });
});

describe('what each kernel reads of the other order', () => {
  const nb = I / 16;
  /** Storage block of each logical block: gates 0 … nb - 1, ups nb … 2 nb - 1. Typed from the kernels' addressing, not the layouts. */
  const storedAt = {
    SEPARATED: (logical: number): number => logical,
    INTERLEAVE: (logical: number): number => (logical < nb ? 2 * logical : 2 * (logical - nb) + 1),
  };
  const blockBytes = 16 * KB;

  function blocksRead(storage: Shuffle, mode: keyof typeof storedAt): readonly number[] {
    const bytes = stored(WEIGHT, addresses(WEIGHT.count, 'high'), {
      w13: storage === 'separated' ? 'L2' : 'L3',
      deinterleaves: 1,
      shuffle: storage,
    });
    // A block of 2048 bytes holds eight values of the high address byte, in logical order within each row of a tile.
    return Array.from({ length: 2 * nb }, (_, logical) => {
      const start = storedAt[mode](logical) * blockBytes;
      return Math.floor((bytes[start] as number) / (blockBytes / 256));
    });
  }

  it('gives blocks of the wrong half, and the first and the last block right', () => {
    const right = [0, 1, 2, 3, 4, 5, 6, 7];
    expect(blocksRead('separated', 'SEPARATED')).toEqual(right);
    expect(blocksRead('interleave', 'INTERLEAVE')).toEqual(right);
    expect(blocksRead('interleave', 'SEPARATED')).toEqual([0, 4, 1, 5, 2, 6, 3, 7]);
    expect(blocksRead('separated', 'INTERLEAVE')).toEqual([0, 2, 4, 6, 1, 3, 5, 7]);
  });

  it('is what the verdicts call silently wrong', () => {
    expect(moeOutcome({ ...separated(64, BOTH), w13: 'L3' }).verdict).toBe('silently-wrong');
    expect(moeOutcome({ ...interleave(64, BOTH), w13: 'L2' }).verdict).toBe('silently-wrong');
  });
});
