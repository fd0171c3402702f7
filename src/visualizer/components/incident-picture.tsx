import type { JSX } from 'preact';
import { bindPair, type PairScene } from '../model/diff.ts';
import { rowPaint } from '../model/diff-paint.ts';
import { explainPair } from '../model/diff-words.ts';
import { logicalGrid } from '../model/grids/index.ts';
import { bitPanel } from '../model/incident-bits.ts';
import { stalePad } from '../model/incident-pad.ts';
import type { IncidentPicture } from '../model/incident-scene.ts';
import { BitFields } from './bit-fields.tsx';
import { PadBar } from './pad-bar.tsx';
import { PaintedThumbnail } from './painted-thumbnail.tsx';

/** The small picture of an incident: the rows that a kernel gets, the bits of one code, or the channels of a rank. */
export function IncidentThumbnail({ picture }: { readonly picture: IncidentPicture }): JSX.Element | null {
  if (picture.kind === 'pair') return <PairThumbnail pair={picture.pair} />;
  if (picture.kind === 'pad') return <PadBar pad={stalePad()} />;
  const [sample] = bitPanel(picture.panel).samples;
  if (sample === undefined) return null;
  return (
    <div class="bits-thumbnail">
      <BitFields fields={sample.written.fields} />
      <span class="mono">{sample.written.value}</span>
      <BitFields fields={sample.read.fields} />
      <span class="mono">{sample.read.value}</span>
    </div>
  );
}

function PairThumbnail({ pair: shown }: { readonly pair: PairScene }): JSX.Element {
  return (
    <PaintedThumbnail
      draw={(shade) => {
        const pair = bindPair(shown);
        return { grid: logicalGrid(pair.read.layout), paint: rowPaint(pair, shade, explainPair(pair).wrongAxes) };
      }}
    />
  );
}
