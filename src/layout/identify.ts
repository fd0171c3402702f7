import { catalog } from './catalog-entries.ts';
import { w13CatalogEntries } from './catalog-w13.ts';
import { Evidence, isNear, paddingOf, verifyPath } from './identify-check.ts';
import { infer } from './identify-infer.ts';
import { digitsLayout, digitsOf } from './identify-notation.ts';
import {
  type Bound,
  bindAll,
  forward,
  type Path,
  pair,
  pathDigits,
  pathSizes,
  pathTitle,
  probes,
  single,
} from './identify-paths.ts';
import { checkIdentify, checkSizes, shapesOf } from './identify-shapes.ts';
import type {
  Ambiguity,
  Contradiction,
  IdentifyHow,
  IdentifyInput,
  IdentifyMatch,
  IdentifyResult,
  IdentifyStep,
  NearMatch,
} from './identify-types.ts';

/*
 * Which layout took the raw bytes to the shuffled ones? Every layout of the catalog is a claim about all elements, so a few hundred
 * refute nearly all of them and the rest are compared whole. One step is tried first, then two, then any permutation of digits.
 */

/** Candidates that are compared whole; more pass the samples only where the data are nearly constant. */
const MOST_VERIFIED = 16;
/** Shapes for which compositions are tried when no shape was given. */
const COMPOSED_SHAPES = 12;

/** A candidate that passed the samples, with the other ways to say it. */
interface Passed {
  readonly path: Path;
  readonly shape: readonly number[];
  readonly sameAs: readonly string[];
}

/**
 * Which layout of the catalog, or which two one after the other, takes `raw` to `shuffled`; where none does, the permutation of
 * digits that does. Pure. Padding is not compared, only reported.
 *
 * @throws ParameterError when a length fits no element or the shape fits neither buffer
 */
export function identifyLayout(input: IdentifyInput): IdentifyResult {
  const { raw, shuffled, bits, shape, experts = 1, candidates = catalog } = input;
  const counts = checkIdentify(raw, shuffled, bits, shape, experts);
  const evidence = new Evidence(raw, shuffled, bits);
  const shapes = shape === undefined ? shapesTried(counts.raw, counts.shuffled) : [shape];
  const bound = shapes.map((each) => ({ shape: each, all: bindAll(candidates, each, { bits, experts }) }));
  const notes: string[] = [];
  if (shape !== undefined) {
    const layouts = bound.flatMap(({ all }) => all.map(({ layout }) => layout));
    const wrong = checkSizes(shape, bits, counts, layouts);
    if (wrong !== undefined) notes.push(wrong);
  }
  let found = verifyAll(evidence, passing(evidence, bound, singles), notes);
  if (found.matches.length === 0 && found.near.length === 0)
    found = verifyAll(evidence, passing(evidence, bound.slice(0, COMPOSED_SHAPES), pairs), notes);
  const matches = found.matches.map((match) => withOtherWays(evidence, bound, match));
  const inference = matches.length > 0 ? undefined : infer(evidence, shape, found.near.length > 0);
  const inferred =
    inference?.complete === true && inference.solutions.length === 1 ? inference.solutions[0] : undefined;
  const near = [...found.near, ...(inference?.near ?? [])].toSorted((a, b) => a.differing - b.differing);
  const isExplained = matches.length > 0 || inferred !== undefined;
  const nearest = isExplained ? undefined : nearestOf(evidence, bound, near[0]);
  if (inference?.note !== undefined) notes.push(inference.note);
  return {
    matches,
    near: isExplained ? [] : near,
    inferred,
    inference,
    ambiguous: ambiguities(evidence, matches),
    coverage: isExplained || (inference?.solutions.length ?? 0) > 0 ? 1 : (nearest?.share ?? 0),
    firstContradiction: nearest?.contradiction,
    shapeInferred: shape === undefined,
    chance: evidence.collision,
    notes,
  };
}

const HOWS: readonly IdentifyHow[] = ['direct', 'inverse', 'twice', 'composition'];

interface BoundShape {
  readonly shape: readonly number[];
  readonly all: readonly Bound[];
}

/** The plain tensor is the raw one, or with padding, or the other way round, the shuffled one. */
function shapesTried(raw: number, shuffled: number): readonly (readonly number[])[] {
  return raw === shuffled
    ? shapesOf(raw)
    : [...shapesOf(Math.min(raw, shuffled)), ...shapesOf(Math.max(raw, shuffled))];
}

function* singles(all: readonly Bound[]): Generator<Path> {
  for (const bound of all) yield single(bound, 'direct');
  for (const bound of all) yield single(bound, 'inverse');
  for (const bound of all) yield pair(bound, 'direct', bound, 'direct');
}

const ORDERS: readonly (readonly [IdentifyStep['how'], IdentifyStep['how']])[] = [
  ['inverse', 'direct'],
  ['direct', 'direct'],
  ['inverse', 'inverse'],
  ['direct', 'inverse'],
];

/** Orders that come from mistakes last. */
function* pairs(every: readonly Bound[]): Generator<Path> {
  // With row-major, two steps are one.
  const all = every.filter(({ entry }) => entry.id !== 'row-major' && entry.id !== 'scale-rm');
  for (const withMistakes of [false, true])
    for (const [first, second] of ORDERS)
      for (const a of all)
        for (const b of all)
          if ((a !== b || first === second) && (isMistake(a) || isMistake(b)) === withMistakes)
            yield pair(a, first, b, second);
}

function isMistake({ entry }: Pick<Bound, 'entry'>): boolean {
  return w13CatalogEntries.some(({ id }) => id === entry.id);
}

/**
 * An order that comes from a mistake may also be two right steps from a raw in another order: a checkpoint that was de-interleaved
 * and shuffled has the bytes of a separated tensor that was de-interleaved once too often. Only who gave the raw knows.
 */
function withOtherWays(evidence: Evidence, bound: readonly BoundShape[], match: IdentifyMatch): IdentifyMatch {
  if (match.how === 'composition' || !isMistake(match)) return match;
  const spots = probes(evidence.rawCodes.length);
  const all = bound.find(({ shape }) => shape === match.shape)?.all ?? [];
  const usual = all.filter((each) => !isMistake(each));
  const others = [...pairs(usual)].filter(
    (path) =>
      fits(evidence, path) &&
      path.steps.some(({ entry }) => entry.id === 'gate_up_interleaved') &&
      spots.every((at) => forward(path, at) === forward(match, at)),
  );
  return { ...match, sameAs: [...new Set([...match.sameAs, ...others.slice(0, 2).map(pathTitle)])] };
}

/** Paths that fit the lengths and agree with the samples, those with the same mapping as one. */
function passing(
  evidence: Evidence,
  bound: readonly BoundShape[],
  pathsOf: (all: readonly Bound[]) => Generator<Path>,
): readonly Passed[] {
  const passed = new Map<string, Passed>();
  const spots = probes(evidence.rawCodes.length);
  for (const { shape, all } of bound) {
    for (const path of pathsOf(all)) {
      if (!fits(evidence, path)) continue;
      const share = evidence.sampledShare(path);
      if (share === 0 || (share < 1 && evidence.beyondChance(share) < 0.8)) continue;
      const key = spots.map((offset) => forward(path, offset)).join();
      const other = passed.get(key);
      const mine = { path, shape, sameAs: [] };
      if (other === undefined) passed.set(key, mine);
      else passed.set(key, rank(path) < rank(other.path) ? joined(mine, other) : joined(other, mine));
    }
  }
  return [...passed.values()].toSorted((a, b) => rank(a.path) - rank(b.path));
}

/** The usual before the unusual: orders that come from mistakes last, else direct first. */
function rank({ steps, how }: Path): number {
  return (steps.some(isMistake) ? HOWS.length : 0) + HOWS.indexOf(how);
}

/** One mapping found in two ways; a way for another shape says so, and once is enough for each. */
function joined(first: Passed, other: Passed): Passed {
  const base = pathTitle(first.path);
  const title = pathTitle(other.path);
  const name = other.shape === first.shape ? title : `${title} of [${other.shape.join(', ')}]`;
  const known = new Set([base, ...first.sameAs].map((same) => same.split(' of [')[0]));
  const more = [name, ...other.sameAs].filter((same) => {
    const bare = same.split(' of [')[0];
    const isNew = !known.has(bare);
    known.add(bare);
    return isNew;
  });
  return more.length === 0 ? first : { ...first, sameAs: [...first.sameAs, ...more] };
}

function fits({ rawCodes, shuffledCodes, bits }: Evidence, path: Path): boolean {
  const sizes = pathSizes(path);
  // An odd number of fp4 elements ends in half a byte.
  const same = (held: number, wanted: number): boolean => held === wanted || (bits === 4 && held === wanted + 1);
  return sizes !== undefined && same(rawCodes.length, sizes.from) && same(shuffledCodes.length, sizes.to);
}

function verifyAll(
  evidence: Evidence,
  passed: readonly Passed[],
  notes: string[],
): { readonly matches: readonly IdentifyMatch[]; readonly near: readonly NearMatch[] } {
  const matches: IdentifyMatch[] = [];
  const near: NearMatch[] = [];
  if (passed.length > MOST_VERIFIED)
    notes.push(
      `${passed.length} candidates agree with the samples, because the data repeat; only the first ${MOST_VERIFIED} were compared.`,
    );
  for (const { path, shape, sameAs } of passed.slice(0, MOST_VERIFIED)) {
    const verdict = verifyPath(evidence, path);
    const last = path.steps.at(-1) as IdentifyStep;
    const common = { layout: last.layout, entry: last.entry, title: pathTitle(path), shape };
    if (verdict.differing === 0) {
      const digits = pathDigits(path);
      const mapping =
        digits === undefined ? undefined : digitsLayout(digitsOf(digits), plainShape(path, shape), 'mapping');
      matches.push({
        ...common,
        how: path.how,
        steps: path.steps,
        exact: true,
        padding: paddingOf(evidence, path),
        mapping,
        sameAs,
      });
    } else if (isNear(evidence, verdict)) near.push({ ...common, exact: false, ...verdict });
  }
  return { matches, near };
}

/** The shape whose row-major order the raw offset counts: the one given, unless a form of it was needed. */
function plainShape({ steps }: Path, shape: readonly number[]): readonly number[] {
  return shape.length > 1 ? shape : (steps[0]?.layout.shape ?? shape);
}

/** Pairs of exact matches with different mappings: the first against each other one. */
function ambiguities(evidence: Evidence, matches: readonly IdentifyMatch[]): readonly Ambiguity[] {
  const [first, ...others] = matches;
  if (first === undefined) return [];
  return others.flatMap((other) => {
    const places = (at: number): [number, number] => [forward(first, at), forward(other, at)];
    const spots = probes(evidence.rawCodes.length);
    const apart = spots.filter((at) => places(at)[0] !== places(at)[1]);
    if (apart.length === 0) return [];
    let raw = apart[0] as number;
    for (let at = 0; at < Math.min(evidence.rawCodes.length, 65_536); at += 1) {
      const [a, b] = places(at);
      if (a === b) continue;
      raw = at;
      break;
    }
    const code = evidence.rawCodes.codes[raw] as number;
    const [a, b] = places(raw);
    const toTellApart = `Element ${raw} of the raw goes to ${a} or to ${b}, which hold the same code; data in which the two differ, such as numbered elements, tell.`;
    return [
      {
        titles: [first.title, other.title] as const,
        raw,
        places: [a, b] as const,
        code,
        share: apart.length / spots.length,
        toTellApart,
      },
    ];
  });
}

/** The single candidate that explains most, and where it fails first. */
function nearestOf(
  evidence: Evidence,
  bound: readonly BoundShape[],
  near: NearMatch | undefined,
): { readonly share: number; readonly contradiction: Contradiction | undefined } | undefined {
  if (near !== undefined) {
    const [first] = near.differences;
    const contradiction = first === undefined ? undefined : { ...first, title: near.title };
    return { share: 1 - near.differing / near.elements, contradiction };
  }
  let best: { readonly path: Path; readonly share: number } | undefined;
  for (const { all } of bound.slice(0, COMPOSED_SHAPES)) {
    for (const path of singles(all)) {
      if (!fits(evidence, path)) continue;
      const share = evidence.sampledShare(path, true);
      if (best === undefined || share > best.share) best = { path, share };
    }
  }
  if (best === undefined) return undefined;
  const verdict = verifyPath(evidence, best.path);
  const [first] = verdict.differences;
  return {
    share: 1 - verdict.differing / verdict.elements,
    contradiction: first === undefined ? undefined : { ...first, title: pathTitle(best.path) },
  };
}
