import type { JSX } from 'preact';
import { useId } from 'preact/hooks';
import type { ElementType } from '../../formats/element-type.ts';
import { catalog } from '../../layout/index.ts';
import type { RunOption } from '../model/run-examples.ts';
import type { RunSpec } from '../model/run-spec.ts';
import { LayoutPicker, ShapeInput, TypeSelect } from './layout-controls.tsx';

export interface NumberFieldProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step?: number;
  onChange(value: number): void;
}

/** A whole number with its range. What is out of range is taken over, so that the run's check can say what is wrong. */
export function NumberField({ label, value, min, max, step = 1, onChange }: NumberFieldProps): JSX.Element {
  const id = useId();
  const range = step === 1 ? `${min} to ${max}` : `${min} to ${max}, steps of ${step}`;
  return (
    <div class="control">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        value={value}
        min={min}
        max={max}
        step={step}
        title={range}
        onChange={({ currentTarget }) => {
          const next = currentTarget.valueAsNumber;
          if (Number.isSafeInteger(next) && next > 0) onChange(next);
          else currentTarget.value = String(value);
        }}
      />
    </div>
  );
}

interface TypeFieldProps {
  readonly label: string;
  readonly types: readonly ElementType[];
  readonly value: ElementType;
  onChange(type: ElementType): void;
}

/** The types that an example takes. */
export function TypeField({ label, types, value, onChange }: TypeFieldProps): JSX.Element {
  return (
    <label class="control">
      <span>{label}</span>
      <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value as ElementType)}>
        {types.map((type) => (
          <option key={type} value={type}>
            {type}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Characters of a choice that half the form's width shows. */
const LONG = 18;

interface OptionFieldProps {
  readonly option: RunOption;
  readonly value: string | number | undefined;
  onChange(value: string | number): void;
}

export function OptionField({ option, value, onChange }: OptionFieldProps): JSX.Element {
  if (option.kind === 'number') {
    const { label, min, max } = option;
    return <NumberField label={label} value={Number(value)} min={min} max={max} onChange={onChange} />;
  }
  const isWide = option.choices.some(({ label }) => label.length > LONG);
  return (
    <label class={isWide ? 'control is-wide' : 'control'}>
      <span>{option.label}</span>
      <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        {option.choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
    </label>
  );
}

interface PermuteFieldsProps {
  readonly spec: RunSpec;
  update(fields: Partial<RunSpec>): void;
}

/** Both layouts, the shape and the type of a permutation. */
export function PermuteFields({ spec, update }: PermuteFieldsProps): JSX.Element {
  const stacked = [spec.from, spec.to].some((ref) => catalog.find(({ id }) => id === ref)?.operand === 'weight scale');
  return (
    <>
      <LayoutPicker label="From" value={spec.from} onChange={(from) => update({ from })} />
      <LayoutPicker label="To" value={spec.to} onChange={(to) => update({ to })} />
      <button type="button" class="run-swap" onClick={() => update({ from: spec.to, to: spec.from })}>
        Swap the two
      </button>
      <ShapeInput label="Shape" value={spec.shape} onChange={(shape) => update({ shape })} />
      <TypeSelect label="Type" value={spec.type} onChange={(type) => update({ type })} />
      {stacked || spec.experts > 1 ? (
        <NumberField
          label="Experts in the rows"
          value={spec.experts}
          min={1}
          max={1024}
          onChange={(experts) => update({ experts })}
        />
      ) : null}
    </>
  );
}
