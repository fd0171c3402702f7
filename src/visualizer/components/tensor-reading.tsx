import type { JSX } from 'preact';
import type { ElementType } from '../../formats/element-type.ts';
import { catalog } from '../../layout/index.ts';
import { parseShape } from '../model/choices.ts';
import type { ScaleChoice } from '../model/scene.ts';
import { type FileTensor, sizeText } from '../model/tensor-file.ts';
import { readableTypes, scaleChoiceOf, scaleChoices } from '../model/tensor-view.ts';
import { change, open, outcomeOf, scene } from '../state/store.ts';
import { chooseScale, fileState, loadedScale, readAsType } from '../state/tensor-session.ts';
import { LayoutPicker, ShapeInput } from './layout-controls.tsx';

/** How the bytes are read: type, shape, layout and scale. */
export function TensorReading({ tensor }: { readonly tensor: FileTensor }): JSX.Element {
  const { type, shape, a, experts } = scene.value;
  const entry = catalog.find(({ id }) => id === a);
  return (
    <section aria-label="How the bytes are read">
      <h2 class="tensor-title">
        {tensor.name}{' '}
        <span class="muted">
          {tensor.dtype} [{tensor.shape.join(', ')}], {sizeText(tensor.bytes)}
        </span>
      </h2>
      {tensor.type === undefined ? (
        <p class="banner">
          {tensor.dtype} has no element type here, so its bytes are shown as {type}.
        </p>
      ) : null}
      <div class="controls">
        <label class="control">
          <span>Element type</span>
          <select value={type} onChange={({ currentTarget }) => readAsType(currentTarget.value as ElementType)}>
            {readableTypes(tensor).map((each) => (
              <option key={each} value={each}>
                {each === tensor.type ? `${each} (the file’s)` : each}
              </option>
            ))}
            {readableTypes(tensor).includes(type) ? null : <option value={type}>{type}</option>}
          </select>
        </label>
        <ShapeInput label="Logical shape" value={shape} onChange={(next) => change({ shape: next, pins: [] })} />
        <LayoutPicker label="Layout" value={a} onChange={(ref) => change({ a: ref })} />
        {entry?.operand === 'weight scale' ? (
          <label class="control">
            <span>Experts</span>
            <input
              type="number"
              min={1}
              step={1}
              value={experts}
              onChange={({ currentTarget }) =>
                change({ experts: Math.max(1, Math.floor(Number(currentTarget.value)) || 1) })
              }
            />
          </label>
        ) : null}
        <ScaleControls tensor={tensor} />
      </div>
      <p class="tensor-elsewhere">
        <button type="button" onClick={() => open({ screen: 'lens' }, true)}>
          Show in the Lens
        </button>
        <button type="button" onClick={() => open({ screen: 'diff', b: scene.peek().b ?? 'row-major' }, true)}>
          Compare layouts
        </button>
      </p>
    </section>
  );
}

/** Which tensor holds the scales, and which elements share one. */
function ScaleControls({ tensor }: { readonly tensor: FileTensor }): JSX.Element | null {
  const state = fileState.value;
  if (state.kind !== 'open' || state.file.tensors.length < 2) return null;
  const { type, shape, scale } = scene.value;
  const likely = scaleChoices(state.file, tensor, type);
  const others = state.file.tensors.filter(
    (other) =>
      other !== tensor &&
      !likely.some(({ tensor: known }) => known === other) &&
      scaleChoiceOf(other, shape) !== undefined,
  );
  const current = loadedScale.value?.tensor;
  const choose = (name: string): void => {
    const next = state.file.tensors.find((other) => other.name === name);
    void chooseScale(next, next === undefined ? undefined : scaleChoiceOf(next, shape));
  };
  const update = (fields: Partial<ScaleChoice>): void => {
    if (scale !== undefined) change({ scale: { ...scale, ...fields } });
  };
  return (
    <>
      <label class="control">
        <span>Scale</span>
        <select
          class="tensor-scale"
          value={current?.name ?? ''}
          onChange={({ currentTarget }) => choose(currentTarget.value)}
        >
          <option value="">none</option>
          <Names label="Likely" tensors={likely.map(({ tensor: each }) => each)} />
          <Names label="Shape fits" tensors={others.slice(0, 100)} />
        </select>
      </label>
      {scale === undefined ? null : (
        <>
          <label class="control">
            <span>Elements a scale</span>
            <input
              class="mono tensor-block"
              value={scale.block.join(' x ')}
              onChange={({ currentTarget }) => {
                const sizes = outcomeOf(() => parseShape(currentTarget.value));
                const [rows, columns, more] = sizes.ok ? sizes.value : [];
                if (rows !== undefined && columns !== undefined && more === undefined)
                  update({ block: [rows, columns] });
                else currentTarget.value = scale.block.join(' x ');
              }}
            />
          </label>
          <label class="control">
            <span>Scale type</span>
            <select
              value={scale.type}
              onChange={({ currentTarget }) => update({ type: currentTarget.value as ScaleChoice['type'] })}
            >
              <option value="e8m0">e8m0</option>
              <option value="f32">f32</option>
            </select>
          </label>
          <LayoutPicker
            label="Scale layout"
            value={scale.layout}
            operands={['any', 'weight scale', 'activation scale']}
            onChange={(layout) => update({ layout })}
          />
        </>
      )}
    </>
  );
}

function Names({
  label,
  tensors,
}: {
  readonly label: string;
  readonly tensors: readonly FileTensor[];
}): JSX.Element | null {
  if (tensors.length === 0) return null;
  return (
    <optgroup label={label}>
      {tensors.map(({ name, dtype, shape }) => (
        <option key={name} value={name}>
          {name} ({dtype} [{shape.join(', ')}])
        </option>
      ))}
    </optgroup>
  );
}
