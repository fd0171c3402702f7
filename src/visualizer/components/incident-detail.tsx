import { type Signal, useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { bindPair, type PairScene } from '../model/diff.ts';
import { describeMisreading } from '../model/diff-lines.ts';
import { bitPanel } from '../model/incident-bits.ts';
import { stalePad } from '../model/incident-pad.ts';
import type { BitPanelId, IncidentScene } from '../model/incident-scene.ts';
import { diffScene, headingOf, INCIDENT_SCENES, incidentScene } from '../model/incident-scenes.ts';
import { DEFAULT_SCENE } from '../model/scene.ts';
import { incidentColor } from '../state/diff.ts';
import { linkOf } from '../state/store.ts';
import { BitRow } from './bit-fields.tsx';
import { DiffGrids } from './diff-grids.tsx';
import { DiffShares } from './diff-shares.tsx';
import { DiffWords } from './diff-words.tsx';
import { PadBar } from './pad-bar.tsx';

/** One incident: what happened, what it looked like, and what the kernel reads. */
export function IncidentDetail({ incident }: { readonly incident: IncidentScene }): JSX.Element {
  const at = INCIDENT_SCENES.indexOf(incident);
  const [previous, next] = [INCIDENT_SCENES[at - 1], INCIDENT_SCENES[at + 1]];
  const { picture } = incident;
  return (
    <article class="incident" aria-labelledby="incident-title">
      <nav class="incident-nav" aria-label="Incidents">
        <a href={linkOf({ ...DEFAULT_SCENE, screen: 'incidents' })}>All incidents</a>
        <span>
          {previous === undefined ? null : <a href={linkOf(incidentScene(previous))}>Previous</a>}
          {next === undefined ? null : <a href={linkOf(incidentScene(next))}>Next</a>}
        </span>
      </nav>
      <h1 id="incident-title">{headingOf(incident)}</h1>
      <p class="incident-text">
        {incident.happens} {incident.looks}
      </p>
      <p class="incident-facts">
        <span class="tag">{incident.operand}</span> <span class="tag">{incident.id}</span>{' '}
        <span class="muted">{incident.origin}</span>
      </p>
      {picture.kind === 'pair' ? <PairPanel pair={picture.pair} /> : null}
      {picture.kind === 'bits' ? <BitsPanel panel={picture.panel} /> : null}
      {picture.kind === 'pad' ? <PadPanel /> : null}
    </article>
  );
}

function PairPanel({ pair: shown }: { readonly pair: PairScene }): JSX.Element {
  const pair = useMemo(() => bindPair(shown), [shown]);
  const hover: Signal<number | undefined> = useSignal(undefined);
  const pins: Signal<readonly number[]> = useSignal([]);
  const at = hover.value ?? pins.value.at(-1);
  return (
    <>
      <div class="incident-pair">
        <div>
          <DiffWords pair={pair} />
          <DiffShares pair={pair} />
          <p>
            Shown: {shown.shape.join(' × ')} {shown.type}, written as <code>{shown.a}</code>, read as{' '}
            <code>{shown.b}</code>.
          </p>
          <p>
            <a class="button primary" href={linkOf(diffScene(shown))}>
              Open in Diff
            </a>
          </p>
        </div>
        <DiffGrids
          pair={pair}
          hover={hover}
          pins={pins.value}
          colorBy={incidentColor}
          onPick={(coord) => {
            pins.value = [pair.read.layout.offset(coord)];
          }}
        />
      </div>
      <div class="diff-line">
        {at === undefined ? (
          <p class="muted">Point at a cell to see what the kernel gets there; a click marks it.</p>
        ) : (
          <p class="mono">{describeMisreading(pair, at)}</p>
        )}
      </div>
    </>
  );
}

function BitsPanel({ panel }: { readonly panel: BitPanelId }): JSX.Element {
  const { text, samples } = bitPanel(panel);
  return (
    <section class="panel bit-panel" aria-label="Bits">
      <p>{text}</p>
      <ul>
        {samples.map((sample) => (
          <BitRow key={`${sample.written.code} ${sample.written.value}`} sample={sample} />
        ))}
      </ul>
    </section>
  );
}

function PadPanel(): JSX.Element {
  const pad = stalePad();
  return (
    <section class="panel" aria-label="Channels">
      <p>
        GPT-OSS has {pad.inter} channels. One of {pad.tp} ranks has {pad.real} of them, stored as {pad.stored}: a pad of{' '}
        {pad.pad}. Declared is {pad.declared}, the pad of TP {pad.staleTp}, so that a kernel that trusts it computes{' '}
        {pad.computed} channels and leaves out {pad.lost} that hold weights, in gate and in up.
      </p>
      <PadBar pad={pad} />
    </section>
  );
}
