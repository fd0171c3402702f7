import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { describeKey } from '../model/describe.ts';
import { bankGrid, describeBanks, describeLines, lineGrid, waveAccess } from '../model/grids/index.ts';
import { pinKeys, registerView, related } from '../state/lens.ts';
import { hover } from '../state/store.ts';
import { GridCanvas } from './grid-canvas.tsx';
import { Panel, Toggle, type ViewProps } from './view-panel.tsx';

const strip = signal<'lines' | 'banks'>('lines');

export function BankView({ shown, paint, onPick }: ViewProps): JSX.Element | null {
  const view = registerView.value;
  const kind = strip.value;
  const access = useMemo(() => (view === undefined ? undefined : waveAccess(view)), [view]);
  const grid = useMemo(
    () =>
      view === undefined || access === undefined
        ? undefined
        : kind === 'lines'
          ? lineGrid(view, access)
          : bankGrid(view, access),
    [view, access, kind],
  );
  if (grid === undefined || access === undefined) return null;
  const toggle = (
    <Toggle
      label="What is shown of a wave's load"
      choices={['lines', 'banks']}
      value={kind}
      onChange={(choice) => {
        strip.value = choice;
      }}
    />
  );
  return (
    <Panel view="bank" controls={toggle} caption={kind === 'lines' ? describeLines(access) : describeBanks(access)}>
      <GridCanvas
        grid={grid}
        paint={paint}
        label={kind === 'lines' ? 'Cache lines that a wave reads' : 'LDS banks that a wave reads'}
        describe={(key) => describeKey(shown, key)}
        hover={hover}
        pins={pinKeys.value}
        related={related}
        onPick={onPick}
      />
    </Panel>
  );
}
