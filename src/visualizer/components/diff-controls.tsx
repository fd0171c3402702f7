import type { JSX } from 'preact';
import { useId } from 'preact/hooks';
import { catalog } from '../../layout/index.ts';
import { fieldsForLayout } from '../model/choices.ts';
import { findMfma } from '../model/layout-ref.ts';
import { change, scene } from '../state/store.ts';
import { LayoutPicker, ShapeInput, TypeSelect } from './layout-controls.tsx';

/** The two layouts, what they are bound to, and the exchange of the two. @param names of the dimensions, where they are known */
export function DiffControls({ names }: { readonly names: readonly string[] }): JSX.Element {
  const { a, b, type, shape } = scene.value;
  return (
    <div class="diff-controls">
      <LayoutPicker label="Written as" value={a} onChange={(ref) => change({ ...sizesOf(ref), a: ref })} />
      <button
        type="button"
        class="swap"
        disabled={b === undefined}
        title="Exchange the two layouts"
        onClick={() => {
          if (b !== undefined) change({ a: b, b: a });
        }}
      >
        <span aria-hidden="true">⇄</span> Swap
      </button>
      <LayoutPicker label="Read as" value={b ?? ''} onChange={(ref) => change({ ...sizesOf(ref), b: ref })} />
      <TypeSelect label="Type" value={type} onChange={(value) => change({ type: value })} />
      <ShapeInput label="Shape" value={shape} names={names} onChange={(value) => change({ shape: value, pins: [] })} />
      {[a, b].some(countsExperts) ? <ExpertsInput /> : null}
    </div>
  );
}

/** A matrix operand has a shape and a type of its own. */
function sizesOf(ref: string): Partial<typeof scene.value> {
  if (findMfma(ref) === undefined) return {};
  const { shape, type } = fieldsForLayout(ref);
  return { pins: [], ...(shape === undefined ? {} : { shape }), ...(type === undefined ? {} : { type }) };
}

function countsExperts(ref: string | undefined): boolean {
  return catalog.find(({ id }) => id === ref)?.operand === 'weight scale';
}

function ExpertsInput(): JSX.Element {
  const id = useId();
  return (
    <div class="control">
      <label for={id}>Experts</label>
      <input
        id={id}
        type="number"
        min="1"
        class="experts"
        value={scene.value.experts}
        onChange={({ currentTarget }) => {
          const experts = Math.floor(currentTarget.valueAsNumber);
          if (experts >= 1) change({ experts });
          else currentTarget.value = String(scene.peek().experts);
        }}
      />
    </div>
  );
}
