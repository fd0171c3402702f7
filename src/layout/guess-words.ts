import type { GuessCandidate, GuessRole } from './guess-candidates.ts';
import type { LayoutTraces } from './guess-traces.ts';
import type { GuessInput, GuessResult, LayoutGuess } from './guess-types.ts';

/** What speaks for and against a reading, most telling first. */
export function evidenceOf(
  role: GuessRole,
  facts: Pick<LayoutGuess, 'candidate' | 'score' | 'shares' | 'traces' | 'structure'>,
): readonly string[] {
  const { candidate, score, shares, traces, structure } = facts;
  const lines: string[] = [];
  if (structure < 3)
    lines.push(
      'Neither rows nor columns nor neighbours predict held-out elements: in this order the data look random.',
    );
  else {
    const parts = [
      `rows ${percent(shares.row)}`,
      `columns ${percent(Math.max(shares.column, shares.half))}`,
      `neighbours in the row ${percent(shares.along)}`,
      `neighbours in the column ${percent(shares.across)}`,
    ];
    lines.push(
      `Explains ${percent(score)} of the spread of held-out ${role === 'scale' ? 'scales' : 'magnitudes'}: alone, ${parts.join(', ')}.`,
    );
  }
  if (structure >= 3 && shares.half > 1.2 * shares.column && shares.half - shares.column > 0.002)
    lines.push(
      `The halves of the rows have profiles of their own, as gate and up do: ${percent(shares.half)} against ${percent(shares.column)} together.`,
    );
  if (traces.tailRows > 0 || traces.tailColumns > 0) {
    const what = role === 'weight' ? 'zero' : 'constant';
    lines.push(
      `Ends in ${count(traces.tailRows, `${what} row`)} and ${count(traces.tailColumns, `${what} column`)}, as padding does.`,
    );
  }
  if (traces.duplicateRows > 0)
    lines.push(`${traces.duplicateRows} of ${traces.comparedRows} rows equal another row exactly.`);
  if (traces.padding !== undefined) lines.push(paddingLine(candidate, traces.padding));
  return lines;
}

function paddingLine({ entry }: GuessCandidate, padding: NonNullable<LayoutTraces['padding']>): string {
  const hex = padding.codes.slice(0, 4).map((code) => `0x${code.toString(16).padStart(2, '0')}`);
  const held = padding.codes.length > 4 ? `${padding.codes.length} different codes` : hex.join(', ');
  const { padding: expected } = entry;
  if (typeof expected !== 'number') return `Its padding holds ${held}; the source leaves it undefined.`;
  const wanted = `0x${expected.toString(16).padStart(2, '0')}`;
  const agrees = padding.codes.every((code) => code === expected);
  return `Its padding holds ${held}; the source writes ${wanted}${agrees ? ', which agrees' : ', which does not agree'}.`;
}

/** The result in one or two sentences. */
export function summaryOf(
  verdict: GuessResult['verdict'],
  guesses: readonly LayoutGuess[],
  tied: number,
  input: GuessInput,
): string {
  const [first, second] = guesses;
  const shape = `${input.type} [${input.shape.join(', ')}]`;
  if (first === undefined)
    return `No layout of the catalog takes ${shape} in ${input.bytes.length} bytes. Check the shape and the element type.`;
  const name = namesOf(first);
  if (verdict === 'only-fit' || second === undefined)
    return `Only ${name} takes ${shape} in ${input.bytes.length} bytes; nothing was left to compare it with.`;
  if (verdict === 'cannot-tell') {
    if (tied < guesses.length)
      return (
        `Cannot tell which of ${tied}: ${list(guesses.slice(0, tied).map(namesOf))} predict equally well. ` +
        `The ${guesses.length - tied} others fit worse.`
      );
    return `Cannot tell: all ${guesses.length} layouts that take ${shape} predict equally well, within the noise.`;
  }
  if (tied > 1)
    return (
      `Probably ${name}, which predicts ${percent(first.score)} of the spread of held-out elements. ` +
      `${list(guesses.slice(1, tied).map(namesOf))} would fit as well, but only a mistake leads there.`
    );
  const lead = second.behind.toFixed(1);
  const hedge = verdict === 'leaning' ? 'Probably' : 'This is';
  return (
    `${hedge} ${name}: it predicts ${percent(first.score)} of the spread of held-out elements, the next best, ${namesOf(second)}, ` +
    `${percent(second.score)}. They are ${lead} standard errors apart.`
  );
}

/** Which data would tell layouts apart that this tensor leaves tied. */
export function tellApart(tied: readonly LayoutGuess[]): string {
  const [first, ...others] = tied;
  if (first === undefined) return '';
  const kinds = new Set(others.map((other) => relation(first.candidate, other.candidate)));
  const [kind = 'mixed'] = kinds;
  const plain = tied.filter(({ ids }) => ids.some((id) => !GATE_UP.test(id)));
  const [single, ...more] = plain;
  const unless =
    single === undefined || more.length > 0 || tied.length === 1
      ? ''
      : ` If its rows are not gate and up, it is ${single.ids.filter((id) => !GATE_UP.test(id)).join(' or ')}.`;
  return TELLING[kinds.size === 1 ? kind : 'mixed'] + unless;
}

/** Layouts that order gate and up rows. */
const GATE_UP = /gate_up|^moe_/;

type Relation = 'rows' | 'columns' | 'transposed' | 'mixed';

const TELLING: Readonly<Record<Relation, string>> = {
  mixed:
    'Uniform or random codes hold no order. A tensor of a trained checkpoint, whose channels differ in magnitude, would tell; so ' +
    'would its scales, its zero padding, or a golden pair of input and shuffled output.',
  rows:
    'They differ only in the order of whole rows. Rows that end in zero padding, gate and up halves of different magnitude, or a ' +
    'bias or scale tensor in a known row order would tell.',
  columns:
    'They differ only in the order of whole columns. Zero padding at the end of K, or an activation in a known order, would tell.',
  transposed:
    'They are each other transposed, and the matrix is square. A tensor of the same model that is not square would tell.',
};

/** How two readings of the same bytes differ, from a few hundred places. */
function relation(a: GuessCandidate, b: GuessCandidate): Relation {
  const size = Math.min(a.layout.storageSize, b.layout.storageSize);
  const step = Math.max(1, Math.floor(size / 997));
  const { columns } = a.matrix;
  let sameRows = true;
  let sameColumns = true;
  let transposed = a.matrix.rows === columns;
  for (let offset = 0; offset < size; offset += step) {
    const one = a.matrix.indexAt(offset);
    const two = b.matrix.indexAt(offset);
    if (one < 0 || two < 0) continue;
    const [row, column] = [Math.floor(one / columns), one % columns];
    const [otherRow, otherColumn] = [Math.floor(two / columns), two % columns];
    if (row !== otherRow) sameRows = false;
    if (column !== otherColumn) sameColumns = false;
    if (row !== otherColumn || column !== otherRow) transposed = false;
  }
  return sameColumns ? 'rows' : sameRows ? 'columns' : transposed ? 'transposed' : 'mixed';
}

/** `a`, or `a (the same bytes as b and c for this shape)`. */
export function namesOf({ ids }: LayoutGuess): string {
  const [first = '', ...others] = ids;
  return others.length === 0 ? first : `${first} (the same bytes as ${list(others)} for this shape)`;
}

function list(names: readonly string[]): string {
  if (names.length <= 1) return names.join('');
  const shown = names.length > 6 ? [...names.slice(0, 5), `${names.length - 5} more`] : names;
  return `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}

function count(size: number, what: string): string {
  return `${size} ${what}${size === 1 ? '' : 's'}`;
}

function percent(share: number): string {
  const value = Math.max(0, share) * 100;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} %`;
}
