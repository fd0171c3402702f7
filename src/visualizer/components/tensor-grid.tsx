import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { makePaint } from '../model/colors.ts';
import { describeKey } from '../model/describe.ts';
import { logicalGrid, memoryGrid } from '../model/grids/index.ts';
import type { Subject } from '../model/subject.ts';
import { rangePaint, tensorPaint } from '../model/tensor-paint.ts';
import { pinKeys, shownGrids, viewports } from '../state/lens.ts';
import { change, hover, scene } from '../state/store.ts';
import { byRange, ORDERS, order } from '../state/tensor-look.ts';
import { flagged } from '../state/tensor-stats.ts';
import { theme } from '../state/theme.ts';
import { GridCanvas } from './grid-canvas.tsx';
import { HoverLine } from './hover-line.tsx';
import { TensorColor } from './tensor-color.tsx';
import { Toggle } from './view-panel.tsx';

/** The elements, in logical order or as memory holds them. */
export function TensorGrid({ shown }: { readonly shown: Subject }): JSX.Element {
  const { color, line } = scene.value;
  const { layout, name } = shown.tensor;
  const by = order.value;
  const shade = theme.value;
  const ranged = byRange.value;
  const paint = useMemo(
    () => tensorPaint(shown, ranged ? rangePaint(shown, shade) : makePaint(shown, color, shade)),
    [shown, ranged, color, shade],
  );
  const grid = useMemo(
    () =>
      by === 'logical' ? logicalGrid(layout, { scaleBlock: shown.scale?.block }) : memoryGrid(layout, shown.bits, line),
    [by, layout, shown.scale, shown.bits, line],
  );
  shownGrids[by] = grid;
  return (
    <section class={`tensor-grid view-${by}`} aria-label="Elements">
      <div class="tensor-grid-head">
        <Toggle
          label="Order of the elements"
          choices={ORDERS}
          value={by}
          onChange={(next) => {
            order.value = next;
          }}
        />
        <TensorColor shown={shown} />
      </div>
      <div class="tensor-canvas">
        <GridCanvas
          key={by}
          grid={grid}
          paint={paint}
          label={`${by === 'logical' ? 'Logical order' : 'Memory'} of ${name}, ${layout.id}`}
          describe={(key) => describeKey(shown, key)}
          hover={hover}
          pins={pinKeys.value}
          related={flagged}
          viewport={viewports[by]}
          onPick={(key, add) => {
            const coord = layout.coord(key);
            if (coord !== undefined) change({ pins: add ? [...scene.peek().pins, coord] : [coord] });
          }}
        />
      </div>
      <HoverLine />
    </section>
  );
}
