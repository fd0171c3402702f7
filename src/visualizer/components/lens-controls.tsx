import type { JSX } from 'preact';
import { elementBits } from '../../formats/element-type.ts';
import { catalog } from '../../layout/index.ts';
import { fieldsForLayout } from '../model/choices.ts';
import { findMfma } from '../model/layout-ref.ts';
import { pinsWithin } from '../model/pins.ts';
import type { Subject } from '../model/subject.ts';
import { clearViews } from '../state/lens.ts';
import { change, data, scene } from '../state/store.ts';
import { ColorSelect, LayoutPicker, RegisterSelect, ScaleSelect, ShapeInput, TypeSelect } from './layout-controls.tsx';

/** What is shown: layout, shape, type, scale, registers, and the meaning of the colours. */
export function LensControls({ shown }: { readonly shown: Subject | undefined }): JSX.Element {
  const { a, shape, type, experts, scale, registers, color, pins } = scene.value;
  const isOperand = findMfma(a) !== undefined;
  const takesExperts = catalog.find(({ id }) => id === a)?.operand === 'weight scale';
  return (
    <div class="controls">
      <LayoutPicker
        label="Layout"
        value={a}
        onChange={(ref) => {
          clearViews();
          change(fieldsForLayout(ref));
        }}
      />
      <ShapeInput
        label="Shape"
        value={shape}
        names={shown?.tensor.layout.dims.map(({ name }) => name)}
        disabled={isOperand || data.value !== undefined}
        onChange={(next) => {
          clearViews();
          change({ shape: next, pins: pinsWithin(pins, next) });
        }}
      />
      {takesExperts ? (
        <label class="control">
          <span>Experts</span>
          <input
            type="number"
            min={1}
            value={experts}
            onChange={({ currentTarget }) => {
              const next = Number(currentTarget.value);
              if (Number.isSafeInteger(next) && next > 0) change({ experts: next });
              else currentTarget.value = String(experts);
            }}
          />
        </label>
      ) : null}
      <TypeSelect label="Type" value={type} onChange={(next) => change({ type: next })} />
      <ScaleSelect value={scale} onChange={(next) => change({ scale: next })} />
      <RegisterSelect
        label="Registers"
        value={registers}
        bits={elementBits(type)}
        onChange={(next) => change({ registers: next })}
      />
      <ColorSelect label="Colour" value={color} onChange={(next) => change({ color: next })} />
    </div>
  );
}
