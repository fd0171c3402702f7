import { PreshuffleError } from '../../errors.ts';
import { elementBits } from '../../formats/element-type.ts';
import { catalog } from '../../layout/catalog-entries.ts';
import type { CatalogEntry, CatalogParams } from '../../layout/catalog-entry.ts';
import type { Layout } from '../../layout/layout.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import type { PermuteParams } from '../../ops/permute.ts';
import { requireOperand } from '../../tensor/expect.ts';
import { readAs, storedIn } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Hypothesis, type MistakenCall, singleVariant } from '../hypothesis.ts';
import { withOutput } from './stored-scale.ts';

const PERMUTE = ['permute'] as const;

/** Most experts that are stacked in the rows of a scale. */
const MOST_EXPERTS = 512;

/** Mistakes with the order in which a tensor is stored. */
export const LAYOUT_OP_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'permute-not-done',
    title: 'the tensor is stored as it was',
    family: 'weight layout',
    ops: PERMUTE,
    symptom: 'the bytes of the input under the name of the other layout',
    origin: 'SGLang PR 26884: is_shuffled is set on a weight that was not shuffled, or the shuffle is skipped',
    evidence: 'reported',
    remedy: 'Call the shuffle (shuffle_weight, shuffle_scale) before the tensor is marked as shuffled.',
    hiddenBy: 'a tensor whose elements are all alike',
    variants: singleVariant((call) => {
      const { x, to } = partsOf(call);
      return stored(call, () => readAs(x, to));
    }),
  },
  {
    id: 'permute-other-layout',
    title: 'the tensor is stored in another layout',
    family: 'weight layout',
    ops: PERMUTE,
    symptom: 'the right numbers in other places',
    origin:
      'AITER issue 671 (tiles of 32 rows and of 16); AITER issue 3586, vLLM issue 44893 (gate and up interleaved or not)',
    evidence: 'reported',
    remedy: 'Store the tensor for the kernel that reads it: the arguments of shuffle_weight and shuffle_scale decide.',
    hiddenBy: 'shapes at which both layouts have the same bytes',
    variants: (call) => {
      const { x, to } = partsOf(call);
      const widths = otherWidths(x, to);
      return others(x, to)
        .filter(({ layout }) => !widths.some((other) => other.layout.equals(layout)))
        .map(({ detail, layout }) => ({
          detail,
          make: () => stored(call, () => readAs(storedIn(x, layout), to)),
        }));
    },
  },
  {
    id: 'permute-source-misread',
    title: 'the input is taken for one in another layout',
    family: 'weight layout',
    ops: PERMUTE,
    symptom: 'the right numbers in other places, in no order that a catalogue has',
    origin: 'derived: a shuffle that is applied to checkpoint rows, or to a transposed tensor, as if they were plain',
    evidence: 'derived',
    remedy: 'Bring the tensor into the order that the shuffle expects: row-major, gate rows first.',
    hiddenBy: 'shapes at which both layouts have the same bytes',
    variants: (call) => {
      const { x, to } = partsOf(call);
      return others(x, x.layout)
        .filter(({ layout }) => !layout.equals(to))
        .map(({ detail, layout }) => ({
          detail,
          make: () => ({ ...call, operands: { ...call.operands, x: readAs(x, layout) } }),
        }));
    },
  },
  {
    id: 'permute-inverse',
    title: 'the inverse permutation is applied',
    family: 'weight layout',
    ops: PERMUTE,
    symptom: 'the right numbers in other places; right where the permutation is its own inverse',
    origin: 'SGLang PR 24476 (first revision): a transposition was taken for its own inverse',
    evidence: 'reported',
    remedy: 'Exchange source and target: gather by the inverse index, or scatter by the index.',
    hiddenBy: 'permutations that are their own inverse, as the transposition of a square',
    variants: singleVariant((call) => {
      const { x, to } = partsOf(call);
      return stored(call, () => readAs(storedIn(readAs(x, to), x.layout), to));
    }),
  },
  {
    id: 'permute-twice',
    title: 'the permutation is applied twice',
    family: 'weight layout',
    ops: PERMUTE,
    symptom: 'the right numbers in other places; some shapes come back after two rounds',
    origin: 'SGLang issue 28963: weights that are updated in place are shuffled again',
    evidence: 'reported',
    remedy: 'Shuffle once: check is_shuffled before a weight is shuffled again, or load the plain one first.',
    hiddenBy: 'permutations that are their own inverse',
    variants: singleVariant((call) => {
      const { x, to } = partsOf(call);
      return stored(call, () => storedIn(readAs(storedIn(x, to), x.layout), to));
    }),
  },
  {
    id: 'permute-element-width',
    title: 'the layout is made for elements of another width',
    family: 'weight layout',
    ops: PERMUTE,
    symptom: 'pieces of 8 or 32 elements change places instead of 16',
    origin:
      'derived: shuffle_weight in AITER takes 16 bytes, which are 32 codes of fp4, 16 of fp8 and 8 of bf16; shuffle_weight_NK takes 8 elements',
    evidence: 'derived',
    remedy: 'View packed fp4 as float4_e2m1fn_x2 (not uint8 columns, not int4 codes) before shuffle_weight.',
    hiddenBy: 'shapes at which both layouts have the same bytes',
    variants: (call) => {
      const { x, to } = partsOf(call);
      return otherWidths(x, to).map(({ bits, layout }) => ({
        detail: `${bits} bits`,
        make: () => stored(call, () => readAs(storedIn(x, layout), to)),
      }));
    },
  },
  {
    id: 'permute-nibbles',
    title: 'the two codes of each byte change places',
    family: 'number format',
    ops: PERMUTE,
    symptom: 'pairs of neighbouring columns are swapped',
    origin: 'derived: readers with the other packing order',
    evidence: 'derived',
    remedy: 'Take the even column from bits 0..3; move whole bytes.',
    hiddenBy: 'pairs of equal codes',
    variants: singleVariant((call) => {
      const { x } = partsOf(call);
      if (x.type !== 'e2m1') return undefined;
      return {
        ...call,
        finish: (outputs) =>
          withOutput(outputs, 'y', (y) => ({ ...y, bytes: y.bytes.map((byte) => (byte >> 4) | ((byte & 15) << 4)) })),
      };
    }),
  },
];

function partsOf(call: KernelCall): { readonly x: Tensor; readonly to: Layout } {
  return { x: requireOperand(call.op, call.operands, 'x'), to: (call.params as PermuteParams).to };
}

/** The call with another tensor as its result. @throws TensorBytesError where it has another number of bytes */
function stored(call: KernelCall, make: () => Tensor): MistakenCall {
  const y = make();
  return { ...call, compute: () => ({ y }) };
}

/**
 * Layouts of the catalogue in which a tensor takes as many bytes as in `own`, and other ones. Of those with the same bytes the first.
 * The one that x is in is left out: that is `permute-not-done`.
 */
function others(x: Tensor, own: Layout): readonly { readonly detail: string; readonly layout: Layout }[] {
  const found: { readonly detail: string; readonly layout: Layout }[] = [];
  const experts = expertsOf(own);
  for (const entry of catalog) {
    for (const count of experts === 1 ? [1] : [1, experts]) {
      const layout = bound(entry, own.shape, { bits: elementBits(x.type), experts: count });
      if (layout === undefined || layout.storageSize !== own.storageSize) continue;
      if ([own, x.layout, ...found.map((other) => other.layout)].some((known) => known.equals(layout))) continue;
      found.push({ detail: count === 1 ? entry.id : `${entry.id}, ${count} experts`, layout });
    }
  }
  return found;
}

/** The target layout as it is for elements of other widths, where it has other bytes. */
function otherWidths(x: Tensor, to: Layout): readonly { readonly bits: number; readonly layout: Layout }[] {
  const entry = catalog.find(({ id }) => id === to.id);
  if (entry === undefined) return [];
  const experts = expertsOf(to);
  return [4, 8, 16].flatMap((bits) => {
    const layout = bits === elementBits(x.type) ? undefined : bound(entry, to.shape, { bits, experts });
    return layout === undefined || layout.equals(to) ? [] : [{ bits, layout }];
  });
}

/** Experts that a layout of stacked scales was bound with; 1 for all others. */
function expertsOf(layout: Layout): number {
  const entry = catalog.find(({ id }) => id === layout.id);
  if (entry === undefined || entry.operand !== 'weight scale') return 1;
  for (let experts = 1; experts <= MOST_EXPERTS; experts += 1) {
    if ((layout.shape[0] ?? 0) % experts === 0 && bound(entry, layout.shape, { experts })?.equals(layout) === true)
      return experts;
  }
  return 1;
}

function bound(entry: CatalogEntry, shape: readonly number[], params: CatalogParams): Layout | undefined {
  try {
    return entry.bind(shape, params);
  } catch (error) {
    if (error instanceof PreshuffleError) return undefined;
    throw error;
  }
}
