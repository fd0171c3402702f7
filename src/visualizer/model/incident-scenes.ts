import { PreshuffleError } from '../../errors.ts';
import { elementBits } from '../../formats/element-type.ts';
import { type CatalogEntry, catalog, type Layout } from '../../layout/index.ts';
import type { PairScene } from './diff.ts';
import type { IncidentScene } from './incident-scene.ts';
import { FP8_SCENES } from './incident-scenes-fp8.ts';
import { MOE_SCENES } from './incident-scenes-moe.ts';
import { resolveLayout } from './layout-ref.ts';
import { DEFAULT_SCENE, type Scene } from './scene.ts';

/** Every known mistake, in the order of the golden incidents. */
export const INCIDENT_SCENES: readonly IncidentScene[] = [...FP8_SCENES, ...MOE_SCENES];

/** An incident by its id. */
export function incidentById(id: string | undefined): IncidentScene | undefined {
  return INCIDENT_SCENES.find((incident) => incident.id === id);
}

/** A title as a heading; names such as e4m3fn and w13 stay as they are. */
export function headingOf({ title }: IncidentScene): string {
  return /^\w*\d/.test(title) ? title : title.replace(/^./, (letter) => letter.toUpperCase());
}

/** The scene that shows an incident. */
export function incidentScene({ id }: IncidentScene): Scene {
  return { ...DEFAULT_SCENE, screen: 'incidents', topic: id };
}

/** The Diff of a pair. */
export function diffScene(pair: PairScene): Scene {
  return { ...DEFAULT_SCENE, ...pair, screen: 'diff' };
}

/** Incidents in which the same two layouts met, whatever the shape. Patterns that are written out hold for their own shape alone. */
export function incidentsOf(pair: PairScene): readonly IncidentScene[] {
  return INCIDENT_SCENES.filter(({ picture }) => picture.kind === 'pair' && isSame(pair, picture.pair));
}

function isSame(pair: PairScene, known: PairScene): boolean {
  const hasPattern = [known.a, known.b].some((ref) => ref.includes('->'));
  if (hasPattern) return pair.a === known.a && pair.b === known.b && String(pair.shape) === String(known.shape);
  if (operandOf(pair) !== operandOf(known) || pair.shape.length !== known.shape.length) return false;
  return matches(pair, pair.a, known.a) && matches(pair, pair.b, known.b);
}

/** Which operand the layouts of a pair are for; plain ones are for any. */
function operandOf({ a, b }: PairScene): CatalogEntry['operand'] | undefined {
  const operands = [a, b].flatMap((ref) => catalog.find(({ id }) => id === ref)?.operand ?? []);
  return operands.find((operand) => operand !== 'any') ?? operands[0];
}

function matches({ type, shape, experts }: PairScene, ref: string, known: string): boolean {
  if (ref === known) return true;
  const bind = (id: string): Layout => resolveLayout(id, shape, { bits: elementBits(type), experts }).layout;
  try {
    return bind(ref).equals(bind(known));
  } catch (error) {
    if (error instanceof PreshuffleError) return false;
    throw error;
  }
}
