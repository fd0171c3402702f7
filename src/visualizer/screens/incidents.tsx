import { type Signal, signal } from '@preact/signals';
import type { JSX } from 'preact';
import { IncidentDetail } from '../components/incident-detail.tsx';
import { IncidentThumbnail } from '../components/incident-picture.tsx';
import { INCIDENT_OPERANDS, type IncidentOperand, type IncidentScene } from '../model/incident-scene.ts';
import { headingOf, INCIDENT_SCENES, incidentById, incidentScene } from '../model/incident-scenes.ts';
import { linkOf, scene } from '../state/store.ts';

/** Which incidents are shown; stays while other screens are shown. */
const operand: Signal<IncidentOperand | 'all'> = signal('all');

const NAMES: Readonly<Record<IncidentOperand | 'all', string>> = {
  all: 'All',
  weight: 'Weights',
  'weight scale': 'Scales of weights',
  'activation scale': 'Scales of activations',
  bias: 'Biases',
};

/** Known mistakes: a gallery, or the one that the permalink names. */
export function Incidents(): JSX.Element {
  const { topic } = scene.value;
  const incident = incidentById(topic);
  if (incident !== undefined) return <IncidentDetail key={incident.id} incident={incident} />;
  const shown = INCIDENT_SCENES.filter((entry) => operand.value === 'all' || entry.operand === operand.value);
  return (
    <div class="incidents">
      <h1>Incidents</h1>
      <p class="lead">
        Mistakes that were made with these layouts and formats in the field. None of them raises an error: shapes, types
        and sizes agree. Pictures are coloured by the row that a kernel gets; a smooth run from dark to light would be
        right.
      </p>
      {topic === undefined ? null : (
        <p class="error-state" role="alert">
          There is no incident “{topic}”. These are all.
        </p>
      )}
      <fieldset class="incident-filter">
        <legend class="visually-hidden">Operand</legend>
        {(['all', ...INCIDENT_OPERANDS] as const).map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={operand.value === name}
            onClick={() => {
              operand.value = name;
            }}
          >
            {NAMES[name]} <span class="muted">{count(name)}</span>
          </button>
        ))}
      </fieldset>
      <p class="visually-hidden" role="status">
        {shown.length} incidents
      </p>
      <ul class="cards">
        {shown.map((entry) => (
          <IncidentCard key={entry.id} incident={entry} />
        ))}
      </ul>
    </div>
  );
}

function count(name: IncidentOperand | 'all'): number {
  return INCIDENT_SCENES.filter((entry) => name === 'all' || entry.operand === name).length;
}

function IncidentCard({ incident }: { readonly incident: IncidentScene }): JSX.Element {
  const { happens, looks, origin, operand: kind, picture } = incident;
  return (
    <li class="card incident-card">
      <div class="card-picture" aria-hidden="true">
        <IncidentThumbnail picture={picture} />
      </div>
      <h2>
        <a href={linkOf(incidentScene(incident))}>{headingOf(incident)}</a>
      </h2>
      <p class="card-text">
        {happens} {looks}
      </p>
      <p class="card-facts">
        <span class="tag">{kind}</span>
      </p>
      <p class="card-source">{origin}</p>
    </li>
  );
}
