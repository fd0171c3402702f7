import type { JSX } from 'preact';
import { RUN_EXAMPLES, type RunExample } from '../model/run-examples.ts';
import { checkSpec, defaultSpec, exampleOf, isMistaken, type RunSpec, sceneOf, specOf } from '../model/run-spec.ts';
import { runState } from '../state/run-session.ts';
import { change, outcomeOf, scene } from '../state/store.ts';
import { LayoutPicker } from './layout-controls.tsx';
import { AdapterChoice } from './run-device.tsx';
import { NumberField, OptionField, PermuteFields, TypeField } from './run-fields.tsx';

/** Choice of the example and its parameters. They live in the permalink. */
export function RunForm({ onStart }: { onStart(): void }): JSX.Element {
  const outcome = outcomeOf(() => specOf(scene.value));
  return (
    <form
      class="panel run-form"
      aria-label="What to run"
      onSubmit={(event) => {
        event.preventDefault();
        onStart();
      }}
    >
      <label class="control">
        <span>Example</span>
        <select
          value={outcome.ok ? outcome.value.example : ''}
          onChange={({ currentTarget }) => change(sceneOf(defaultSpec(exampleOf(currentTarget.value))))}
        >
          {outcome.ok ? null : <option value="">choose one</option>}
          {RUN_EXAMPLES.map(({ id, title }) => (
            <option key={id} value={id}>
              {title}
            </option>
          ))}
        </select>
      </label>
      {outcome.ok ? <Fields spec={outcome.value} /> : <Refused message={outcome.message} />}
    </form>
  );
}

function Refused({ message }: { readonly message: string }): JSX.Element {
  return (
    <p class="error-state" role="alert">
      {message}
    </p>
  );
}

function Fields({ spec }: { readonly spec: RunSpec }): JSX.Element {
  const example = exampleOf(spec.example);
  const { axes, types, options } = example;
  const update = (fields: Partial<RunSpec>): void => change(sceneOf({ ...spec, ...fields }));
  const valid = outcomeOf(() => checkSpec(spec));
  return (
    <>
      <p class="run-shows">
        {example.shows} <code>{example.id}</code>
      </p>
      <div class="run-fields">
        {axes === undefined ? <PermuteFields spec={spec} update={update} /> : null}
        {axes?.map((axis, at) => (
          <NumberField
            key={axis.name}
            label={`${axis.name}, ${axis.meaning}`}
            value={spec.shape[at] ?? axis.value}
            min={axis.min}
            max={axis.max}
            step={axis.multiple}
            onChange={(size) => update({ shape: spec.shape.with(at, size) })}
          />
        ))}
        {types === undefined || types.length === 1 ? null : (
          <TypeField
            label={`Type of ${example.operand}`}
            types={types}
            value={spec.type}
            onChange={(type) => update({ type })}
          />
        )}
        {options.map((option) => (
          <OptionField
            key={option.id}
            option={option}
            value={spec.options[option.id]}
            onChange={(value) => update({ options: { ...spec.options, [option.id]: value } })}
          />
        ))}
      </div>
      <Mistake example={example} spec={spec} update={update} />
      <AdapterChoice />
      {valid.ok ? null : <Refused message={valid.message} />}
      <button type="submit" class="primary run-start" disabled={!valid.ok}>
        {runState.value.kind === 'running' ? 'Run again' : 'Run'}
      </button>
    </>
  );
}

interface MistakeProps {
  readonly example: RunExample;
  readonly spec: RunSpec;
  update(fields: Partial<RunSpec>): void;
}

/** The kernel reads one layout; the weight was written in another. */
function Mistake({ example, spec, update }: MistakeProps): JSX.Element | null {
  const { mistake } = example;
  if (mistake === undefined) return null;
  const on = isMistaken(spec);
  return (
    <fieldset class="run-mistake">
      <legend class="visually-hidden">Mistake</legend>
      <label class="run-check">
        <input
          type="checkbox"
          checked={on}
          onChange={({ currentTarget }) => update({ from: currentTarget.checked ? mistake.stored : mistake.reads })}
        />
        Inject a mistake
      </label>
      <p class="muted">
        The kernel reads <code>{mistake.reads}</code>.{' '}
        {on ? null : 'Give it a weight in another layout: it raises no error.'}
      </p>
      {on ? (
        <LayoutPicker
          label="The weight is stored in"
          value={spec.from}
          operands={['any', 'weight']}
          onChange={(from) => update({ from })}
        />
      ) : null}
    </fieldset>
  );
}
