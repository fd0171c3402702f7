import type { GuessResult, IdentifyResult, Layout } from '../layout/index.ts';
import type { IdentifyAbout } from './identify-table.ts';
import type { TensorArgument } from './tensor-argument.ts';

/** The result as plain data: layouts by their notation. */
export function identifyJson({ raw, shuffled, type }: IdentifyAbout, result: IdentifyResult): unknown {
  const tensor = ({ file, name, dtype, shape, bytes }: TensorArgument): unknown => ({
    file,
    name,
    dtype: dtype ?? null,
    shape: shape ?? null,
    bytes: bytes.length,
  });
  const { inferred, inference, firstContradiction } = result;
  return {
    raw: tensor(raw),
    shuffled: tensor(shuffled),
    type,
    shapeInferred: result.shapeInferred,
    coverage: result.coverage,
    chance: result.chance,
    matches: result.matches.map(({ entry, how, steps, title, shape, padding, layout, mapping, sameAs }) => ({
      title,
      how,
      shape,
      id: entry.id,
      steps: steps.map((step) => ({ id: step.entry.id, how: step.how, layout: layoutJson(step.layout) })),
      layout: layoutJson(layout),
      mapping: mapping === undefined ? null : layoutJson(mapping),
      padding,
      sameAs,
    })),
    near: result.near.map(({ entry, layout, title, shape, elements, differing, differences }) => ({
      title,
      id: entry?.id ?? null,
      shape,
      layout: layoutJson(layout),
      elements,
      differing,
      differences,
    })),
    inferred: inferred === undefined ? null : layoutJson(inferred),
    inference:
      inference === undefined
        ? null
        : {
            complete: inference.complete,
            reason: inference.reason ?? null,
            solutions: inference.solutions.map(layoutJson),
          },
    ambiguous: result.ambiguous,
    firstContradiction: firstContradiction ?? null,
    notes: result.notes,
  };
}

function layoutJson(layout: Layout): {
  readonly notation: string;
  readonly cute: string;
  readonly shape: readonly number[];
} {
  return { notation: String(layout), cute: layout.toCute(), shape: layout.shape };
}

/** Guesses of one tensor's layout as plain data. */
export function guessJson({ file, name, bytes }: TensorArgument, type: string, result: GuessResult): unknown {
  const { verdict, confidence, summary, guesses, tied, toTellApart, rejected } = result;
  return {
    tensor: { file, name, bytes: bytes.length },
    type,
    verdict,
    confidence,
    summary,
    tied,
    toTellApart: toTellApart ?? null,
    guesses: guesses.map(({ ids, candidate, score, behind, structure, evidence }) => ({
      ids,
      layout: layoutJson(candidate.layout),
      score,
      behind,
      structure,
      evidence,
    })),
    rejected,
  };
}
