import { elementBits } from '../../formats/element-type.ts';
import { catalog } from '../../layout/catalog-entries.ts';
import { guessCandidates } from '../../layout/guess-candidates.ts';
import { guessLayout } from '../../layout/guess-layout.ts';
import type { Layout } from '../../layout/layout.ts';
import { permute } from '../../layout/permute.ts';
import { rowMajor } from '../../layout/plain.ts';
import { toRowMajor } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asF32 } from '../../tensor/views.ts';
import { joined, percent } from './words.ts';

/** Operands that a loader stores in a layout of its own. */
const STORED = new Set(['w', 'w1', 'w2', 'w13', 'w13_scale', 'w1_scale', 'w2_scale']);
/** Elements that a guess looks at: enough for real weights, quick enough to be made without being asked. */
const SAMPLES = 2048;
/** Guesses below are left unsaid. */
const CONFIDENT = 0.99;
/**
 * Share of the best score that the declared layout may reach: weights that are quantised by blocks have tiles of like codes, of which
 * every order keeps something, and some order more than the right one.
 */
const WASHED_OUT = 0.55;
/** Orders in which loaders of these kernels store weights; others are no likely mistake. */
const USUAL = new Set([
  'row-major',
  'shuffle_weight(16,16)',
  'shuffle_weight(guinterleave)',
  'shuffle_weight(guinterleave,gate_up)',
  'gate_up_interleaved',
  'shuffle_scale',
  'shuffle_scale(guinterleave)',
  'shuffle_scale(guinterleave,gate_up)',
]);

/** Bytes that look like another layout than they are said to be in. */
export function layoutOf(name: string, tensor: Tensor, experts: number): readonly string[] {
  const { type, layout } = tensor;
  if (!STORED.has(name) || layout.size < SAMPLES) return [];
  const role = name.endsWith('_scale') ? 'scale' : 'weight';
  const { verdict, confidence, guesses } = guessLayout({
    ...firstExpert(tensor, experts),
    type,
    role,
    candidates: catalog.filter(({ id }) => USUAL.has(id) || id === layout.id),
    samples: SAMPLES,
  });
  const [best] = guesses;
  if (verdict !== 'found' || best === undefined || confidence < CONFIDENT) return [];
  const own = guesses.find(({ ids, candidate }) => ids.includes(layout.id) || candidate.layout.equals(layout));
  // Where the declared layout is not among those compared, nothing is known about it.
  if (own === undefined || own === best || own.score > WASHED_OUT * best.score) return [];
  return [
    `${name} is said to be in ${layout.id}, but its bytes look like ${best.ids.join(' or ')} (confidence ${percent(confidence, 1)}): these predict ${percent(Math.max(0, best.score), 1)} of how large its codes are, the declared order ${percent(Math.max(0, own.score), 1)}.`,
  ];
}

/** Experts lie one after another in every order that is asked for, and one tells as much as all. */
function firstExpert(
  { bytes, layout: { shape } }: Tensor,
  experts: number,
): { readonly bytes: Uint8Array; readonly shape: readonly number[]; readonly experts: number } {
  const [first = 0, ...inner] = shape;
  const own = bytes.subarray(0, bytes.length / experts);
  if (shape.length === 3 && first === experts) return { bytes: own, shape: [1, ...inner], experts: 1 };
  // Shuffled scales are padded to 256 rows.
  if (shape.length === 2 && first % (256 * experts) === 0) {
    return { bytes: own, shape: [first / experts, ...inner], experts: 1 };
  }
  return { bytes, shape, experts: shape.length === 2 ? experts : 1 };
}

/** Zero rows of gate and of up, in elements of one expert. */
interface ZeroRows {
  readonly gate: readonly number[];
  readonly up: readonly number[];
}

/** Zero rows of padding that are not at the end of gate and at the end of up, where a loader puts them. */
export function zeroTail(name: string, tensor: Tensor): readonly string[] {
  const { layout, type, bytes } = tensor;
  const [experts = 0, rows = 0, columns = 0] = layout.shape;
  if ((name !== 'w13' && name !== 'w1') || type !== 'e2m1' || layout.shape.length !== 3 || rows % 2 !== 0) return [];
  const own = zeroRows(toRowMajor(tensor).bytes, experts, rows, columns);
  if (own.gate.length + own.up.length === 0 || isTail(own, rows / 2)) return [];
  const usual = catalog.filter(({ id }) => USUAL.has(id));
  const { fitting } = guessCandidates(usual, 'weight', bytes.length, layout.shape, {
    bits: elementBits(type),
    experts: 1,
  });
  const others = fitting.filter(({ layout: other }) => {
    const plain = reread(bytes, other, elementBits(type));
    return isTail(zeroRows(plain, experts, rows, columns), rows / 2);
  });
  const found = `${name}, read as ${layout.id}, has zero rows that all experts share in gate rows ${rangesOf(own.gate)} and up rows ${rangesOf(own.up)} of ${rows / 2} each`;
  const would =
    others.length === 0
      ? 'padding would be at the end of both'
      : `as ${others.map(({ ids }) => ids[0]).join(' or ')} they would be the end of both`;
  return [`${found}: ${would}.`];
}

function reread(bytes: Uint8Array, layout: Layout, bits: number): Uint8Array {
  return layout.id === 'row-major' ? bytes : permute(bytes, layout, rowMajor(layout.shape), bits);
}

/** Rows that are zero in every expert. */
function zeroRows(plain: Uint8Array, experts: number, rows: number, columns: number): ZeroRows {
  const width = columns / 2;
  const zero = new Uint8Array(rows).fill(1);
  for (let expert = 0; expert < experts; expert += 1) {
    for (let row = 0; row < rows; row += 1) {
      if (zero[row] === 0) continue;
      const start = (expert * rows + row) * width;
      // Signs do not count: 0 and -0 are both zero.
      for (let at = start; at < start + width; at += 1) {
        if (((plain[at] as number) & 0x77) === 0) continue;
        zero[row] = 0;
        break;
      }
    }
  }
  const half = rows / 2;
  const found = [...zero.keys()].filter((row) => zero[row] === 1);
  return { gate: found.filter((row) => row < half), up: found.filter((row) => row >= half).map((row) => row - half) };
}

function isTail({ gate, up }: ZeroRows, half: number): boolean {
  return gate.length === up.length && gate.length > 0 && gate[0] === half - gate.length && up[0] === half - up.length;
}

function rangesOf(rows: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const row of rows) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === row - 1) last[1] = row;
    else runs.push([row, row]);
  }
  const texts = runs.slice(0, 3).map(([first, last]) => (first === last ? String(first) : `${first}..${last}`));
  if (runs.length === 0) return '(none)';
  return runs.length > 3 ? `${texts.join(', ')}, …` : joined(texts);
}

/** A bias of gate and up that ends in zeros once, as interleaved ones do, and not twice. */
export function biasTail(name: string, tensor: Tensor): readonly string[] {
  const { layout, type } = tensor;
  const [experts = 0, rows = 0] = layout.shape;
  if ((name !== 'w13_bias' && name !== 'w1_bias') || type !== 'f32' || layout.id !== 'row-major') return [];
  const values = asF32(tensor);
  const half = rows / 2;
  const tailFrom = (end: number): number => {
    let length = rows;
    for (let expert = 0; expert < experts; expert += 1) {
      let own = 0;
      while (own < end && values[expert * rows + end - 1 - own] === 0) own += 1;
      length = Math.min(length, own);
    }
    return length;
  };
  const [gate, all] = [tailFrom(half), tailFrom(rows)];
  if (experts === 0 || all < 2 || all % 2 !== 0 || all >= half || gate > 0) return [];
  return [
    `${name} ends in ${all} zeros in every expert, its gate half in none: as where gate and up alternate (${all / 2} padded channels). Kernels read all of gate, then all of up.`,
  ];
}

/** Activation scales that hold one number for each row when they are read in the other order. */
export function scaleOrder(name: string, tensor: Tensor): readonly string[] {
  const { layout, type } = tensor;
  const [rows = 0, groups = 0] = layout.shape;
  if (name !== 'x_scale' || type !== 'f32' || layout.shape.length !== 2 || rows < 2 || groups < 2) return [];
  if (layout.storageSize !== layout.size) return [];
  const stored = asF32(tensor);
  if (stored.every((value) => value === stored[0])) return [];
  const logical = asF32(toRowMajor(tensor));
  const runs = (values: Float32Array, length: number): boolean =>
    values.every((value, at) => value === values[at - (at % length)]);
  if (runs(logical, groups)) return [`${name}: each row has the same scale in all ${groups} groups.`];
  if (layout.id !== 'row-major' && runs(stored, groups)) {
    return [
      `${name}, read as ${layout.id}, differs within rows; read row by row each row has the same scale in all ${groups} groups.`,
    ];
  }
  if (layout.id === 'row-major' && columnsSame(stored, rows)) {
    return [
      `${name}, read row by row, differs within rows; read column by column each row has the same scale in all ${groups} groups.`,
    ];
  }
  return [];
}

/** Whether an array of columns, one after another, holds the same column again and again. */
function columnsSame(values: Float32Array, rows: number): boolean {
  return values.every((value, at) => value === values[at % rows]);
}
