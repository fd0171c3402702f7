import { type Signal, signal } from '@preact/signals';

/** What colours stand for: how far off the wanted element is, or the row that the one which is got belongs to. */
export type DiffColor = 'distance' | 'row';

/** Colours of the Diff. */
export const diffColor: Signal<DiffColor> = signal('distance');

/** Colours of incidents: rows tell most of a mistake at a glance. Stays while other incidents are shown. */
export const incidentColor: Signal<DiffColor> = signal('row');
