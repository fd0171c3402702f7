import { randomFrom } from './guess-sample.ts';
import { type Elements, elementsOf, histogram, sameBytes } from './identify-elements.ts';
import { forward, indexOf, isUnpadded, type Path, placeOf } from './identify-paths.ts';
import type { IdentifyDifference, IdentifyStep, PaddingCode } from './identify-types.ts';
import { unravel } from './mapping.ts';
import { permute } from './permute.ts';
import { rowMajor } from './plain.ts';

/** Elements from which the samples are drawn, and how many of each kind are kept. */
const POOL = 4096;
const SAMPLES = 256;
const DIFFERENCES = 8;
const NEAR = 0.99;
/** Agreement beyond chance from which a candidate is worth a look at everything. */
const WORTH = 0.9;

/** The two buffers, with what the checks of every candidate share. */
export class Evidence {
  readonly raw: Uint8Array;
  readonly shuffled: Uint8Array;
  readonly bits: number;
  readonly rawCodes: Elements;
  readonly shuffledCodes: Elements;
  /** Chance that two elements of the raw hold the same code, estimated. */
  readonly collision: number;
  /** Raw offsets: at random, and those among many whose codes are rarest. */
  readonly #random: Float64Array;
  readonly #rare: Float64Array;

  constructor(raw: Uint8Array, shuffled: Uint8Array, bits: number) {
    this.raw = raw;
    this.shuffled = shuffled;
    this.bits = bits;
    this.rawCodes = elementsOf(raw, bits);
    this.shuffledCodes = elementsOf(shuffled, bits);
    const { codes, length } = this.rawCodes;
    const random = randomFrom(1);
    const pool = Float64Array.from({ length: Math.min(POOL, 4 * length) }, () => Math.floor(random() * length));
    const counts = new Map<number, number>();
    for (const at of pool) counts.set(codes[at] as number, (counts.get(codes[at] as number) ?? 0) + 1);
    const rarity = (at: number): number => counts.get(codes[at] as number) ?? 0;
    this.collision = [...counts.values()].reduce((sum, count) => sum + (count / pool.length) ** 2, 0);
    this.#random = pool.slice(0, SAMPLES);
    this.#rare = pool.toSorted((a, b) => rarity(a) - rarity(b)).slice(0, SAMPLES);
  }

  /** Agreement beyond chance: 1 where everything agrees, about 0 in a wrong order. */
  beyondChance(share: number): number {
    if (share === 1) return 1;
    return this.collision >= 1 ? 0 : (share - this.collision) / (1 - this.collision);
  }

  /** Share of random elements that a path explains; stops early, with 0, where a path is hopeless. */
  sampledShare(path: Path, toTheEnd = false): number {
    const allowed = (1 - WORTH) * (1 - this.collision) * SAMPLES + 4;
    let wrong = 0;
    for (const at of this.#random) {
      if (this.#agrees(path, at)) continue;
      wrong += 1;
      if (!toTheEnd && wrong > allowed) return 0;
    }
    if (!toTheEnd) {
      let rareWrong = 0;
      for (const at of this.#rare) {
        if (this.#agrees(path, at)) continue;
        rareWrong += 1;
        if (rareWrong > this.#rare.length / 2) return 0;
      }
    }
    return 1 - wrong / this.#random.length;
  }

  #agrees(path: Path, at: number): boolean {
    const place = forward(path, at);
    return place < 0 || this.rawCodes.codes[at] === this.shuffledCodes.codes[place];
  }
}

export interface Verdict {
  readonly elements: number;
  readonly differing: number;
  readonly differences: readonly IdentifyDifference[];
}

/**
 * Compares every element that a path moves. Padding of either side is never looked at: what a step wrote with a layout is read back
 * through it, so that both sides are compared in logical order.
 */
export function verifyPath(evidence: Evidence, path: Path): Verdict {
  const { bits } = evidence;
  const steps = [...path.steps];
  const applied: IdentifyStep[] = [];
  let left = evidence.raw;
  let right = evidence.shuffled;
  const apply = (step: IdentifyStep): void => {
    const { layout, how } = step;
    const plain = rowMajor(layout.shape);
    left = how === 'inverse' ? permute(left, layout, plain, bits) : permute(left, plain, layout, bits);
    applied.unshift(step);
  };
  while (steps[0]?.how === 'inverse') apply(steps.shift() as IdentifyStep);
  for (let last = steps.at(-1); last?.how === 'direct'; last = steps.at(-1)) {
    right = permute(right, last.layout, rowMajor(last.layout.shape), bits);
    steps.pop();
  }
  for (const step of steps) apply(step);
  const shape = (applied[0] ?? path.steps[0])?.layout.shape ?? [];
  const elements = shape.reduce((all, size) => all * size, 1);
  if (sameBytes(left, right)) return { elements, differing: 0, differences: [] };
  const a = elementsOf(left, bits).codes;
  const b = elementsOf(right, bits).codes;
  const differences: IdentifyDifference[] = [];
  let differing = 0;
  for (let at = 0; at < elements; at += 1) {
    if (a[at] === b[at]) continue;
    differing += 1;
    if (differences.length >= DIFFERENCES) continue;
    const rawOffset = applied.reduce(
      (place, { layout, how }) => (how === 'inverse' ? placeOf(layout, place) : indexOf(layout, place)),
      at,
    );
    differences.push({
      coord: unravel(at, shape),
      rawOffset,
      shuffledOffset: forward(path, rawOffset),
      raw: a[at] as number,
      shuffled: b[at] as number,
    });
  }
  return { elements, differing, differences };
}

/** Many elements agree, and not because most of them hold the same code. */
export function isNear(evidence: Evidence, { elements, differing }: Verdict): boolean {
  const share = 1 - differing / elements;
  return share >= NEAR && evidence.beyondChance(share) >= 0.9;
}

/** What the padding of an exact match holds: the codes that one side has more often than the other. */
export function paddingOf(
  evidence: Evidence,
  path: Path,
): { readonly elements: number; readonly codes: readonly PaddingCode[] } {
  const elements = path.steps.reduce((sum, { layout }) => sum + layout.storageSize - layout.size, 0);
  // Of two padded layouts, one on either side, the histograms give only the difference.
  if (elements === 0 || path.steps.filter(({ layout }) => !isUnpadded(layout)).length > 1)
    return { elements, codes: [] };
  const wide = evidence.bits > 16;
  const a = histogram(wide ? elementsOf(evidence.raw, 8) : evidence.rawCodes) as Float64Array;
  const b = histogram(wide ? elementsOf(evidence.shuffled, 8) : evidence.shuffledCodes) as Float64Array;
  const codes: PaddingCode[] = [];
  for (let code = 0; code < a.length; code += 1) {
    const count = Math.abs((b[code] as number) - (a[code] as number));
    if (count > 0) codes.push({ code, count });
  }
  return { elements, codes: codes.toSorted((x, y) => y.count - x.count || x.code - y.code) };
}
