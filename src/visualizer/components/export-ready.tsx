import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { MadeText, TextSource } from '../model/export/source.ts';
import { type Outcome, outcomeOf } from '../state/store.ts';
import { ExportActions } from './export-actions.tsx';

/** A text that has no options, but for the part that is taken. */
export function ExportReady({ source }: { readonly source: TextSource }): JSX.Element {
  const [range, setRange] = useState(source.range?.first ?? '');
  const made = useMemo(() => outcomeOf(() => source.make(range)), [source, range]);
  return (
    <>
      {source.range === undefined ? null : (
        <div class="export-options">
          <label class="wide">
            Range
            <input
              class="mono"
              value={range}
              spellcheck={false}
              placeholder={`all, or such as ${exampleOf(source.range.axes)}`}
              onInput={({ currentTarget }) => setRange(currentTarget.value)}
            />
          </label>
          <button type="button" onClick={() => setRange('')}>
            Whole tensor
          </button>
        </div>
      )}
      <TextResult name={source.fileName} made={made} />
    </>
  );
}

function exampleOf({ shape, dims }: NonNullable<TextSource['range']>['axes']): string {
  return dims
    .map(({ name }, axis) => (axis < dims.length - 2 ? `${name}=0` : `${name}=0:${Math.min(16, shape[axis] ?? 1)}`))
    .join(' ');
}

/** Lines of the preview. */
const PREVIEW = 200;

/** A text with its preview, or why there is none. */
export function TextResult({ name, made }: { readonly name: string; readonly made: Outcome<MadeText> }): JSX.Element {
  return (
    <>
      {made.ok ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard.
        <section class="export-preview" tabIndex={0} aria-label="Preview">
          {preview(made.value.text)}
        </section>
      ) : (
        <p class="error-state" role="alert">
          {made.message}
        </p>
      )}
      <ExportActions
        name={name}
        content={made.ok ? made.value.text : undefined}
        summary={made.ok ? made.value.summary : ''}
      />
    </>
  );
}

function preview(text: string): string {
  const lines = text.split('\n');
  return lines.length <= PREVIEW
    ? text
    : `${lines.slice(0, PREVIEW).join('\n')}\n… ${lines.length - PREVIEW} more lines`;
}
