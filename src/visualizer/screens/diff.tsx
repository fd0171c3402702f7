import { type Signal, signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { DiffCandidates } from '../components/diff-candidates.tsx';
import { DiffControls } from '../components/diff-controls.tsx';
import { DiffGrids } from '../components/diff-grids.tsx';
import { DiffShares } from '../components/diff-shares.tsx';
import { DiffWords } from '../components/diff-words.tsx';
import { FirstWrong } from '../components/diff-wrong.tsx';
import { Rejected } from '../components/layout-controls.tsx';
import { bindPair, type Pair, type PairScene } from '../model/diff.ts';
import { fittingShapes } from '../model/diff-choices.ts';
import { describeMisreading } from '../model/diff-lines.ts';
import { SAME_BYTES } from '../model/diff-words.ts';
import { diffColor } from '../state/diff.ts';
import { change, type Outcome, outcomeOf, scene } from '../state/store.ts';

/** Address that is looked at in any of the views. */
const address: Signal<number | undefined> = signal(undefined);

/** Bytes of one layout under a reader that takes them for another. */
export function Diff(): JSX.Element {
  const { a, b, type, shape, experts } = scene.value;
  const key = `${a}|${b}|${type}|${shape}|${experts}`;
  const shown = { a, type, shape, experts };
  const bound = useMemo(() => {
    address.value = undefined;
    return b === undefined ? undefined : outcomeOf(() => bindPair({ ...shown, b }));
  }, [key]);
  return (
    <div class="diff">
      <h1>Written as one layout, read as another</h1>
      <DiffControls names={bound?.ok === true ? bound.value.names : []} />
      {b === undefined || bound === undefined ? (
        <DiffCandidates scene={shown} />
      ) : (
        <Compared key={key} scene={{ ...shown, b }} bound={bound} />
      )}
    </div>
  );
}

function Compared({ scene: shown, bound }: { readonly scene: PairScene; readonly bound: Outcome<Pair> }): JSX.Element {
  if (!bound.ok) {
    const suggestions = fittingShapes(shown).map((shape) => ({
      label: `Use the shape ${shape.join(' × ')}`,
      fields: { shape, pins: [] },
    }));
    return <Rejected message={bound.message} suggestions={suggestions} onTake={({ fields }) => change(fields)} />;
  }
  const pair = bound.value;
  if (pair.written.layout.equals(pair.read.layout))
    return (
      <p class="empty-state same" role="status">
        {SAME_BYTES}
      </p>
    );
  return <PairView pair={pair} scene={shown} />;
}

function PairView({ pair, scene: shown }: { readonly pair: Pair; readonly scene: PairScene }): JSX.Element {
  const { pins, line } = scene.value;
  const keys = pins.flatMap((pin) => {
    const offset = outcomeOf(() => pair.read.layout.offset(pin));
    return offset.ok ? [offset.value] : [];
  });
  const pick = (coord: readonly number[], add: boolean): void => {
    const isPinned = pins.some((pin) => String(pin) === String(coord));
    const others = add ? pins.filter((pin) => String(pin) !== String(coord)) : [];
    change({ pins: isPinned ? others : [...others, coord] });
  };
  return (
    <>
      <div class="diff-top">
        <DiffWords pair={pair} scene={shown} />
        <DiffShares pair={pair} />
      </div>
      <DiffGrids pair={pair} hover={address} pins={keys} colorBy={diffColor} onPick={pick} line={line} />
      <AddressLine pair={pair} pins={keys} />
      <FirstWrong pair={pair} onPick={(coord) => change({ pins: [coord] })} />
    </>
  );
}

/** What happens at the address that is looked at, and at those that are marked. */
function AddressLine({ pair, pins }: { readonly pair: Pair; readonly pins: readonly number[] }): JSX.Element {
  const at = address.value;
  const text = (key: number): string =>
    key < pair.read.layout.storageSize ? describeMisreading(pair, key) : 'The kernel never reads this address.';
  return (
    <div class="diff-line">
      {at === undefined ? (
        <p class="muted">
          {pins.length === 0
            ? 'Point at a cell to see what the kernel gets there; a click marks it.'
            : `${pins.length === 1 ? 'Marked' : 'Marked, first to last'}:`}
        </p>
      ) : (
        <p class="mono">{text(at)}</p>
      )}
      {at !== undefined || pins.length === 0 ? null : (
        <ul>
          {pins.map((key) => (
            <li key={key} class="mono">
              {text(key)}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
