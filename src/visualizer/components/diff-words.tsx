import type { JSX } from 'preact';
import type { Pair, PairScene } from '../model/diff.ts';
import { explainPair } from '../model/diff-words.ts';
import { incidentScene, incidentsOf } from '../model/incident-scenes.ts';
import { linkOf } from '../state/store.ts';

/** What reading one layout as the other does, in words; with the scene, also where it has happened. */
export function DiffWords({ pair, scene }: { readonly pair: Pair; readonly scene?: PairScene }): JSX.Element {
  const { sentence, notes } = explainPair(pair);
  const known = scene === undefined ? [] : incidentsOf(scene);
  return (
    <section class="diff-words" aria-label="In words">
      <p class="sentence">{sentence}</p>
      {notes.length === 0 ? null : (
        <ul class="notes">
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      {known.map((incident) => (
        <p key={incident.id} class="known">
          <span class="tag">seen in the field</span> <a href={linkOf(incidentScene(incident))}>{incident.title}</a>{' '}
          <span class="muted">{incident.origin}</span>
        </p>
      ))}
    </section>
  );
}
