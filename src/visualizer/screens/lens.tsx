import type { JSX } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import { GoTo } from '../components/go-to.tsx';
import { HoverLine, Pins } from '../components/hover-line.tsx';
import { Rejected } from '../components/layout-controls.tsx';
import { Legend } from '../components/legend.tsx';
import { BankView } from '../components/lens-bank-view.tsx';
import { LensControls } from '../components/lens-controls.tsx';
import { LensHeader } from '../components/lens-header.tsx';
import { ScalesView } from '../components/lens-scale-view.tsx';
import { LogicalView, MemoryView, RegistersView } from '../components/lens-views.tsx';
import { StepRail } from '../components/step-rail.tsx';
import { VIEW_NAMES, type ViewProps } from '../components/view-panel.tsx';
import { suggestions } from '../model/choices.ts';
import { makePaint } from '../model/colors.ts';
import { findMfma } from '../model/layout-ref.ts';
import { pinned } from '../model/pins.ts';
import { VIEWS, type ViewId } from '../model/scene.ts';
import type { Subject } from '../model/subject.ts';
import { toggleView } from '../state/keyboard.ts';
import { follows, linkViews, showElement } from '../state/lens.ts';
import { change, scene, subject } from '../state/store.ts';
import { theme } from '../state/theme.ts';

const VIEW: Readonly<Record<ViewId, (props: ViewProps) => JSX.Element | null>> = {
  logical: LogicalView,
  memory: MemoryView,
  register: RegistersView,
  scale: ScalesView,
  bank: BankView,
};

/** One tensor in five linked views, with the steps that make its layout. */
export function Lens(): JSX.Element {
  useEffect(linkViews, []);
  const shown = subject.value;
  return (
    <>
      {shown.ok ? <LensHeader shown={shown.value} extra={widthWarning(shown.value)} /> : <h1>Lens</h1>}
      <LensControls shown={shown.ok ? shown.value : undefined} />
      {shown.ok ? (
        <LensBody shown={shown.value} />
      ) : (
        <Rejected
          message={shown.message}
          suggestions={suggestions(scene.value)}
          onTake={({ fields }) => change(fields)}
        />
      )}
    </>
  );
}

function LensBody({ shown }: { readonly shown: Subject }): JSX.Element {
  const { views, color } = scene.value;
  const paint = useMemo(() => makePaint(shown, color, theme.value), [shown, color, theme.value]);
  const side = views.filter((view) => view !== 'logical');
  const onPick = (key: number, add: boolean): void =>
    change({ pins: pinned(scene.peek().pins, shown.tensor.layout, key, add) });
  return (
    <>
      <div class="lens-bar">
        <fieldset class="toggle view-buttons" aria-label="Views">
          {VIEWS.map((view, index) => (
            <button key={view} type="button" aria-pressed={views.includes(view)} onClick={() => toggleView(view)}>
              <kbd>{index + 1}</kbd> {VIEW_NAMES[view]}
            </button>
          ))}
        </fieldset>
        <label class="follow">
          <input
            type="checkbox"
            checked={follows.value}
            onChange={({ currentTarget }) => {
              follows.value = currentTarget.checked;
            }}
          />{' '}
          Views follow
        </label>
        <Legend subject={shown} color={color} theme={theme.value} />
        <GoTo onGo={showElement} />
      </div>
      <div class={`lens-views${views.includes('logical') && side.length > 0 ? ' beside' : ''}`}>
        {views.includes('logical') ? <LogicalView shown={shown} paint={paint} onPick={onPick} /> : null}
        {side.length === 0 ? null : (
          <div class="lens-side">
            {side.map((view) => {
              const View = VIEW[view];
              return <View key={view} shown={shown} paint={paint} onPick={onPick} />;
            })}
          </div>
        )}
      </div>
      <StepRail shown={shown} paint={paint} />
      <div class="lens-dock">
        <HoverLine pinsListed />
        <Pins shown={shown} />
      </div>
    </>
  );
}

/** An operand for elements of another width splits bytes elsewhere. */
function widthWarning(shown: Subject): string | undefined {
  const mfma = findMfma(scene.value.registers);
  if (mfma === undefined || mfma.bits === shown.bits) return undefined;
  return (
    `The registers are those of an operand with ${mfma.bits}-bit elements, the tensor has ${shown.bits}-bit ones: each element is shown ` +
    'where the operand has the element of the same row and column.'
  );
}
