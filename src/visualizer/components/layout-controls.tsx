import type { JSX } from 'preact';
import { useId, useState } from 'preact/hooks';
import type { ElementType } from '../../formats/element-type.ts';
import { parsePattern } from '../../layout/index.ts';
import {
  FIRST_NOTATION,
  layoutGroups,
  type Operand,
  parseShape,
  type Suggestion,
  TYPE_GROUPS,
} from '../model/choices.ts';
import { outcomeOf } from '../state/store.ts';
import { OptionGroups } from './option-groups.tsx';

export interface LayoutPickerProps {
  readonly label: string;
  /** Reference of a layout, see `resolveLayout`. */
  readonly value: string;
  /** Called with references that can be read; a shape may still reject them. */
  onChange(ref: string): void;
  /** Which operands of the catalog are offered. Default: all of them and the matrix operands. */
  readonly operands?: readonly Operand[];
}

const CUSTOM = 'custom';

/** Catalog, matrix operands, or a layout in the notation, whose errors show while it is written. */
export function LayoutPicker({ label, value, onChange, operands }: LayoutPickerProps): JSX.Element {
  const id = useId();
  const isCustom = value.includes('->');
  return (
    <div class="control layout-picker">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={isCustom ? CUSTOM : value}
        onChange={({ currentTarget }) =>
          onChange(currentTarget.value === CUSTOM ? FIRST_NOTATION : currentTarget.value)
        }
      >
        <OptionGroups groups={layoutGroups(operands)} />
        <optgroup label="Your own">
          <option value={CUSTOM}>Layout in notation …</option>
        </optgroup>
      </select>
      {isCustom ? <NotationInput label={`${label} in notation`} value={value} onChange={onChange} /> : null}
    </div>
  );
}

/** `(n0 n1:16) (k0 k1:32) -> n0 k0 n1 k1`: digits of each dimension, outermost first, and their order in memory. */
function NotationInput({ label, value, onChange }: Omit<LayoutPickerProps, 'operands'>): JSX.Element {
  return (
    <DraftInput
      label={label}
      hideLabel
      class="mono notation"
      value={value}
      read={(text) => {
        parsePattern(text);
        return text.trim();
      }}
      onChange={onChange}
    />
  );
}

export interface ShapeInputProps {
  readonly label: string;
  readonly value: readonly number[];
  /** Names of the dimensions, where they are known. */
  readonly names?: readonly string[] | undefined;
  readonly disabled?: boolean;
  onChange(shape: readonly number[]): void;
}

/** `8, 5760, 2880`, with the names of the dimensions. */
export function ShapeInput({ label, value, names, disabled, onChange }: ShapeInputProps): JSX.Element {
  const hint = names?.length === value.length ? `[${names.join(', ')}]` : undefined;
  return (
    <DraftInput
      label={label}
      hint={hint}
      class="mono shape"
      value={value.join(', ')}
      read={(text) => parseShape(text).join(', ')}
      onChange={(text) => onChange(parseShape(text))}
      disabled={disabled}
    />
  );
}

interface DraftInputProps {
  readonly label: string;
  readonly hideLabel?: boolean;
  readonly hint?: string | undefined;
  readonly class: string;
  /** The value in force. */
  readonly value: string;
  /** The text in its normal form. @throws PreshuffleError */
  read(text: string): string;
  onChange(text: string): void;
  readonly disabled?: boolean | undefined;
}

/** A field whose text is taken over with Enter or when it is left; what is wrong with it shows while it is written. */
function DraftInput(props: DraftInputProps): JSX.Element {
  const { label, value, read, onChange } = props;
  const id = useId();
  const [draft, setDraft] = useState<{ readonly text: string; readonly over: string }>();
  // A change from elsewhere wins over what is being written.
  const text = draft?.over === value ? draft.text : value;
  const outcome = text === value ? undefined : outcomeOf(() => read(text));
  const error = outcome?.ok === false ? outcome.message : undefined;
  return (
    <div class="control">
      <label for={id} class={props.hideLabel === true ? 'visually-hidden' : undefined}>
        {label} {props.hint === undefined ? null : <span class="muted mono">{props.hint}</span>}
      </label>
      <input
        id={id}
        type="text"
        class={props.class}
        spellcheck={false}
        autocomplete="off"
        value={text}
        disabled={props.disabled}
        aria-invalid={error !== undefined}
        aria-describedby={error === undefined ? undefined : `${id}-error`}
        onInput={({ currentTarget }) => setDraft({ text: currentTarget.value, over: value })}
        onChange={() => {
          if (outcome?.ok !== true) return;
          setDraft(undefined);
          if (outcome.value !== value) onChange(outcome.value);
        }}
      />
      {error === undefined ? null : (
        <p class="field-error" id={`${id}-error`} role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

export interface SelectProps<T extends string> {
  readonly label: string;
  readonly value: T;
  onChange(value: T): void;
}

/** Element types, narrow floats first. */
export function TypeSelect({ label, value, onChange }: SelectProps<ElementType>): JSX.Element {
  return (
    <label class="control">
      <span>{label}</span>
      <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value as ElementType)}>
        {TYPE_GROUPS.map((group) => (
          <optgroup key={group.label} label={group.label}>
            {group.types.map((type) => (
              <option key={type} value={type}>
                {type}
              </option>
            ))}
          </optgroup>
        ))}
      </select>
    </label>
  );
}

export interface RejectedProps {
  readonly message: string;
  /** Changes that make it fit. */
  readonly suggestions: readonly Suggestion[];
  onTake(suggestion: Suggestion): void;
}

/** Why a layout does not take the shape, and what would do, one click away. */
export function Rejected({ message, suggestions, onTake }: RejectedProps): JSX.Element {
  return (
    <div class="error-state" role="alert">
      <p>{message}</p>
      {suggestions.map((suggestion) => (
        <button key={suggestion.label} type="button" onClick={() => onTake(suggestion)}>
          {suggestion.label}
        </button>
      ))}
    </div>
  );
}

export { ColorSelect, RegisterSelect, ScaleSelect } from './scene-selects.tsx';
