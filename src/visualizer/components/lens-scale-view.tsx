import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { makePaint } from '../model/colors.ts';
import { describeScale } from '../model/describe.ts';
import { elementsOfScale, scaleGrid, scaleKeyOf } from '../model/grids/index.ts';
import { scaleSubject } from '../model/scale-subject.ts';
import { pinKeys, scaleHover, shownGrids, viewports } from '../state/lens.ts';
import { theme } from '../state/theme.ts';
import { GridCanvas } from './grid-canvas.tsx';
import { Panel, Toggle, type ViewProps } from './view-panel.tsx';

const scaleOrder = signal<'logical' | 'memory'>('logical');

export function ScalesView({ shown, onPick }: ViewProps): JSX.Element {
  const { scale, tensor } = shown;
  const order = scaleOrder.value;
  const grid = useMemo(
    () => (scale === undefined ? undefined : scaleGrid(scale, order, scale.tensor.type === 'f32' ? 64 : 32)),
    [scale, order],
  );
  if (grid !== undefined) shownGrids.scale = grid;
  const paint = useMemo(() => {
    const own = scaleSubject(shown);
    return own === undefined ? undefined : makePaint(own, 'value', theme.value);
  }, [shown, theme.value]);
  if (scale === undefined || grid === undefined || paint === undefined) {
    return (
      <Panel view="scale">
        <p class="empty-state">The elements have no scale. Choose one above, such as 1 × 32 e8m0 for MXFP4.</p>
      </Panel>
    );
  }
  const toggle = (
    <Toggle
      label="Order of the scales"
      choices={['logical', 'memory']}
      value={order}
      onChange={(choice) => {
        viewports.scale.value = undefined;
        scaleOrder.value = choice;
      }}
    />
  );
  const pins = pinKeys.value.flatMap((key) => scaleKeyOf(tensor.layout, scale, key) ?? []);
  return (
    <Panel view="scale" controls={toggle} caption={`${scale.tensor.type}, ${scale.tensor.layout.id}`}>
      <GridCanvas
        grid={grid}
        paint={paint}
        label={`Scales, ${scale.tensor.layout.id}, in ${order} order`}
        describe={(key) => describeScale(shown, key)}
        hover={scaleHover}
        pins={pins}
        viewport={viewports.scale}
        onPick={(key, add) => {
          const [first] = elementsOfScale(tensor.layout, scale, key);
          if (first !== undefined) onPick(first, add);
        }}
      />
    </Panel>
  );
}
