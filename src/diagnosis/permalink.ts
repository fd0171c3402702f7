import { catalog } from '../layout/catalog-entries.ts';
import { printPermalink } from '../visualizer/model/permalink.ts';
import { DEFAULT_SCENE } from '../visualizer/model/scene.ts';
import { type Candidate, changedParts } from './candidate.ts';
import type { Hypothesis } from './hypothesis.ts';

/**
 * The scene of the visualizer that shows a mistake, as the hash of its page: the incident, where it is a known one; else the layout in
 * which the kernel reads the operand that the mistake changes.
 * @returns undefined where it changes no operand, or one in a layout that has no name
 */
export function permalinkOf({ id, incident }: Hypothesis, candidate: Candidate): string | undefined {
  if (incident !== undefined) return printPermalink({ ...DEFAULT_SCENE, screen: 'incidents', topic: incident });
  // Of two mistakes at once, which of them changed an operand is not known.
  if (candidate.mistakes.some(({ hypothesis }) => hypothesis.id !== id)) return undefined;
  const [operand] = changedParts(candidate).flatMap((part) => candidate.given.operands[part] ?? []);
  if (operand === undefined) return undefined;
  const { layout, type } = operand;
  if (!catalog.some((entry) => entry.id === layout.id)) return undefined;
  const names = layout.dims.map(({ name }) => name);
  return printPermalink({ ...DEFAULT_SCENE, screen: 'lens', a: layout.id, type, shape: layout.shape }, names);
}
