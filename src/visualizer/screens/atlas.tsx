import { type Signal, signal } from '@preact/signals';
import type { JSX } from 'preact';
import { Card } from '../components/card.tsx';
import { Lazy } from '../components/lazy.tsx';
import { Thumbnail } from '../components/thumbnail.tsx';
import { type CardText, cardOf, matches } from '../model/cards.ts';
import { MOE_CARD, MOE_TOPIC } from '../model/moe-card.ts';
import { printPermalink } from '../model/permalink.ts';
import { PRESET_GROUPS, PRESETS, type Preset, type PresetGroup } from '../model/presets.ts';
import { DEFAULT_SCENE, type ScreenId } from '../model/scene.ts';
import { scene } from '../state/store.ts';

interface Entry {
  readonly preset: Preset | undefined;
  readonly card: CardText;
  readonly group: PresetGroup;
}

/** Made once; binding all presets takes a few milliseconds. */
let entries: readonly Entry[] | undefined;

function allEntries(): readonly Entry[] {
  entries ??= [
    ...PRESETS.map((preset) => ({ preset, card: cardOf(preset), group: preset.group })),
    { preset: undefined, card: MOE_CARD, group: 'gateUp' },
  ];
  return entries;
}

/** What is searched for; stays while other screens are shown. */
const query: Signal<string> = signal('');

const ENTRANCES: readonly (readonly [screen: ScreenId, title: string, text: string])[] = [
  ['tensor', 'Drop a tensor', 'safetensors, npy or raw bytes'],
  ['golden', 'Open a report', 'JSON of preshuffle verify'],
  ['incidents', 'Incidents', 'layouts that were confused, replayed'],
];

const loadPicture = () => import('../components/moe-blocks.tsx').then((part) => part.MoeBlocksPicture);
const loadBlocks = () => import('../components/moe-blocks.tsx').then((part) => part.MoeBlocks);

/** The gallery: every layout, scale order and matrix operand as a card that opens it. */
export function Atlas(): JSX.Element {
  if (scene.value.topic === MOE_TOPIC) return <Lazy load={loadBlocks} />;
  const shown = allEntries().filter(({ card }) => matches(card, query.value.trim()));
  return (
    <div class="atlas">
      <h1>Where each element of a quantised tensor lies</h1>
      <p class="lead">
        Layouts of FP8 and MXFP4 weights, scales and matrix operands on AMD GPUs, element by element: in the matrix, in
        memory, and in the registers of a wave.
      </p>
      <ul class="entrances">
        {ENTRANCES.map(([screen, title, text]) => (
          <li key={screen}>
            <a href={printPermalink({ ...DEFAULT_SCENE, screen })}>
              <strong>{title}</strong>
              <span>{text}</span>
            </a>
          </li>
        ))}
      </ul>
      <div class="atlas-search">
        <label for="atlas-query">Search</label>
        <input
          id="atlas-query"
          type="search"
          value={query.value}
          placeholder="fp4, guinterleave, 32x32x64, e8m0 …"
          onInput={({ currentTarget }) => {
            query.value = currentTarget.value;
          }}
        />
        <p class="muted" role="status">
          {shown.length === 1 ? '1 card' : `${shown.length} cards`}
        </p>
      </div>
      {shown.length === 0 ? (
        <p class="empty-state">
          No card has all of these words.{' '}
          <button
            type="button"
            onClick={() => {
              query.value = '';
            }}
          >
            Show all cards
          </button>
        </p>
      ) : null}
      {(Object.keys(PRESET_GROUPS) as PresetGroup[]).map((group) => (
        <Group key={group} title={PRESET_GROUPS[group]} entries={shown.filter((entry) => entry.group === group)} />
      ))}
    </div>
  );
}

function Group({
  title,
  entries: list,
}: {
  readonly title: string;
  readonly entries: readonly Entry[];
}): JSX.Element | null {
  if (list.length === 0) return null;
  return (
    <section class="card-group" aria-label={title}>
      <h2>{title}</h2>
      <ul class="cards">
        {list.map(({ preset, card }) => (
          <Card key={card.link} card={card}>
            {preset === undefined ? <Lazy load={loadPicture} /> : <Thumbnail preset={preset} />}
          </Card>
        ))}
      </ul>
    </section>
  );
}
