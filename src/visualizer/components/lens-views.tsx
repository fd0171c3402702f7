import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { describeKey } from '../model/describe.ts';
import { logicalGrid, memoryGrid, registerGrid } from '../model/grids/index.ts';
import type { Subject } from '../model/subject.ts';
import { pinKeys, registerView, related, shownGrids, tile, viewports } from '../state/lens.ts';
import { change, hover, scene } from '../state/store.ts';
import { GridCanvas } from './grid-canvas.tsx';
import { Panel, type ViewProps } from './view-panel.tsx';

export function LogicalView({ shown, paint, onPick }: ViewProps): JSX.Element {
  const { layout } = shown.tensor;
  const grid = useMemo(() => logicalGrid(layout, { scaleBlock: shown.scale?.block }), [layout, shown.scale]);
  shownGrids.logical = grid;
  return (
    <Panel view="logical">
      <GridCanvas
        grid={grid}
        paint={paint}
        label={`Logical order of ${shown.tensor.name}, ${layout.id}`}
        describe={(key) => describeKey(shown, key)}
        hover={hover}
        pins={pinKeys.value}
        related={related}
        viewport={viewports.logical}
        onPick={onPick}
      />
    </Panel>
  );
}

/** Bytes in a row of memory that are offered. */
const ROWS = [16, 64, 128, 256, 1024] as const;

export function MemoryView({ shown, paint, onPick }: ViewProps): JSX.Element {
  const { layout } = shown.tensor;
  const { line } = scene.value;
  const grid = useMemo(() => memoryGrid(layout, shown.bits, line), [layout, shown.bits, line]);
  shownGrids.memory = grid;
  const lines = [...new Set([...ROWS, line])].sort((a, b) => a - b);
  return (
    <Panel
      view="memory"
      controls={
        <label>
          Bytes a row{' '}
          <select value={line} onChange={({ currentTarget }) => change({ line: Number(currentTarget.value) })}>
            {lines.map((bytes) => (
              <option key={bytes} value={bytes}>
                {bytes}
              </option>
            ))}
          </select>
        </label>
      }
    >
      <GridCanvas
        grid={grid}
        paint={paint}
        label={`Memory of ${shown.tensor.name}, ${layout.id}, ${line} bytes a row`}
        describe={(key) => describeKey(shown, key)}
        hover={hover}
        pins={pinKeys.value}
        related={related}
        viewport={viewports.memory}
        onPick={onPick}
      />
    </Panel>
  );
}

/** `Tile 3 of 16` with a button on each side. */
function TileStepper({ shown }: { readonly shown: Subject }): JSX.Element {
  const tiles = shown.registers.tiles(shown.tensor.layout, shown.bits);
  const at = registerView.value?.tile ?? 0;
  return (
    <span class="stepper">
      <button
        type="button"
        class="icon"
        aria-label="Previous tile"
        disabled={at === 0}
        onClick={() => showTile(at - 1)}
      >
        ‹
      </button>
      <label>
        Tile{' '}
        <input
          type="number"
          min={0}
          max={tiles - 1}
          value={at}
          onChange={({ currentTarget }) => {
            const wanted = Math.floor(Number(currentTarget.value));
            if (wanted >= 0 && wanted < tiles) showTile(wanted);
            else currentTarget.value = String(at);
          }}
        />
      </label>{' '}
      of {tiles.toLocaleString('en')}
      <button
        type="button"
        class="icon"
        aria-label="Next tile"
        disabled={at >= tiles - 1}
        onClick={() => showTile(at + 1)}
      >
        ›
      </button>
    </span>
  );
}

/** Shows a tile; what is hovered elsewhere would lead back to its own. */
function showTile(next: number): void {
  hover.value = undefined;
  tile.value = next;
}

export function RegistersView({ shown, paint, onPick }: ViewProps): JSX.Element | null {
  const view = registerView.value;
  const grid = useMemo(() => (view === undefined ? undefined : registerGrid(view)), [view]);
  if (grid === undefined) return null;
  return (
    <Panel view="register" controls={<TileStepper shown={shown} />} caption={shown.registers.title}>
      <GridCanvas
        grid={grid}
        paint={paint}
        label={`Registers of one wave, ${shown.registers.title}`}
        describe={(key) => describeKey(shown, key)}
        hover={hover}
        pins={pinKeys.value}
        related={related}
        viewport={viewports.register}
        onPick={onPick}
      />
    </Panel>
  );
}
