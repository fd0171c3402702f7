import { PreshuffleError } from '../../errors.ts';
import { catalog } from '../../layout/index.ts';
import { bindPair, type Pair, type PairScene } from './diff.ts';
import { findMfma } from './layout-ref.ts';

/** A layout that the bytes could be read as, and what would come of it. */
export interface Candidate {
  readonly ref: string;
  readonly title: string;
  readonly right: Pair['right'];
}

/** Every layout of the catalog that takes the shape and has other bytes, best read first. */
export function candidates(scene: Omit<PairScene, 'b'>): readonly Candidate[] {
  const own = catalog.find(({ id }) => id === scene.a)?.operand ?? 'any';
  return catalog
    .filter(({ operand }) => operand === 'any' || own === 'any' || operand === own)
    .flatMap(({ id, title }) => {
      const pair = tried(() => bindPair({ ...scene, b: id }));
      return pair === undefined || pair.right.correct === pair.right.total
        ? []
        : [{ ref: id, title, right: pair.right }];
    })
    .toSorted((a, b) => b.right.correct - a.right.correct);
}

/** Shapes that catalog entries show, smallest rank first, then what most of the pairs take. */
const SHAPES: readonly (readonly number[])[] = [
  [64, 128],
  [2, 128, 128],
  [256, 8],
  [32, 8],
  [4, 256],
];

/** Shapes that both layouts take: the examples of either, or one that suits most. At most two. */
export function fittingShapes({ a, b, type, experts }: PairScene): readonly (readonly number[])[] {
  const examples = [a, b].flatMap((ref) => {
    const own = findMfma(ref)?.layout.shape ?? catalog.find(({ id }) => id === ref)?.example;
    return own === undefined ? [] : [own];
  });
  const fitting = [...examples, ...SHAPES].filter(
    (shape) => tried(() => bindPair({ a, b, type, shape, experts })) !== undefined,
  );
  return fitting
    .filter((shape, at) => fitting.findIndex((other) => String(other) === String(shape)) === at)
    .slice(0, 2);
}

function tried<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof PreshuffleError) return undefined;
    throw error;
  }
}
