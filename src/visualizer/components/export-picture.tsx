import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Picture, Window } from '../model/export/picture.ts';
import { parseSlice } from '../model/export/selection.ts';
import type { PictureSource } from '../model/export/source.ts';
import { type ExportView, firstWindow, fittingCell } from '../model/export/views.ts';
import { type Outcome, outcomeOf } from '../state/store.ts';
import { theme } from '../state/theme.ts';
import { ExportActions } from './export-actions.tsx';
import { inksOf, pngOf, shownWindow, svgBlobOf } from './export-render.ts';

const CELLS = [1, 2, 4, 8, 16, 24, 32, 48, 64] as const;

interface Part {
  readonly rows: string;
  readonly columns: string;
}

/** A finished picture and what it was made from, so that an older one is not taken for it. */
interface Made {
  readonly of: Outcome<Picture>;
  readonly ratio: number;
  readonly blob: Blob;
  readonly url: string;
  readonly summary: string;
}

function partOf({ row, column, rows, columns }: Window): Part {
  return { rows: `${row}:${row + rows}`, columns: `${column}:${column + columns}` };
}

/** Exports that are pictures: the whole grid of a view, or part of it, with title, axes and link. */
export function ExportPicture({
  format,
  source,
}: {
  readonly format: 'png' | 'svg';
  readonly source: PictureSource;
}): JSX.Element {
  const [view, setView] = useState(source.first);
  const [part, setPart] = useState<Part>();
  const [cell, setCell] = useState(0);
  const [ratio, setRatio] = useState(1);
  const [made, setMade] = useState<Made>();
  const [failure, setFailure] = useState<string>();
  const shade = theme.value;
  const shown = useMemo(() => source.show(view, shade), [source, view, shade]);
  const first = useMemo(
    () => firstWindow(shown.grid, source.around?.(view, shown.grid) ?? { row: 0, column: 0 }),
    [source, shown, view],
  );
  const onScreen = useMemo(() => {
    const selector = source.onScreen?.(view);
    return selector === undefined ? undefined : shownWindow(selector, shown.grid);
  }, [source, view, shown]);
  const texts: Part = part ?? partOf(first);
  const picture = useMemo(
    () => outcomeOf(() => pictureOf(shown, texts, cell, source.link)),
    [source, shown, texts.rows, texts.columns, cell],
  );
  useEffect(() => {
    if (!picture.ok) return;
    let gone = false;
    let url = '';
    setFailure(undefined);
    const render = format === 'png' ? pngOf(picture.value, ratio) : svgBlobOf(picture.value);
    render.then(
      ({ blob, width, height }) => {
        if (gone) return;
        url = URL.createObjectURL(blob);
        setMade({ of: picture, ratio, blob, url, summary: `${width} × ${height} pixels` });
      },
      (error: unknown) => {
        if (!gone) setFailure(error instanceof Error ? error.message : String(error));
      },
    );
    return () => {
      gone = true;
      // The preview may still be reading it.
      setTimeout(() => URL.revokeObjectURL(url), 1000);
    };
  }, [picture, ratio, format]);
  const current = made?.of === picture && made?.ratio === ratio ? made : undefined;
  const problem = picture.ok ? failure : picture.message;
  return (
    <>
      <div class="export-options">
        <label>
          View
          <select
            value={view}
            onChange={({ currentTarget }) => {
              setView(currentTarget.value);
              setPart(undefined);
            }}
          >
            {source.views.map(([id, title]) => (
              <option key={id} value={id}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <label>
          Rows
          <input
            class="mono"
            size={10}
            value={texts.rows}
            onInput={({ currentTarget }) => setPart({ ...texts, rows: currentTarget.value })}
          />
        </label>
        <label>
          Columns
          <input
            class="mono"
            size={10}
            value={texts.columns}
            onInput={({ currentTarget }) => setPart({ ...texts, columns: currentTarget.value })}
          />
        </label>
        {onScreen === undefined ? null : (
          <button type="button" onClick={() => setPart(partOf(onScreen))}>
            As shown
          </button>
        )}
        <button type="button" onClick={() => setPart({ rows: ':', columns: ':' })}>
          Whole grid
        </button>
        <label>
          Pixels a cell
          <select value={cell} onChange={({ currentTarget }) => setCell(Number(currentTarget.value))}>
            <option value={0}>fitting</option>
            {CELLS.map((pixels) => (
              <option key={pixels} value={pixels}>
                {pixels}
              </option>
            ))}
          </select>
        </label>
        {format === 'png' ? (
          <label>
            Resolution
            <select value={ratio} onChange={({ currentTarget }) => setRatio(Number(currentTarget.value))}>
              <option value={1}>1x</option>
              <option value={2}>2x</option>
            </select>
          </label>
        ) : null}
      </div>
      {problem === undefined ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard.
        <section class="export-preview" tabIndex={0} aria-label="Preview">
          {current === undefined ? 'Painting …' : <img src={current.url} alt={`${shown.title}, as exported`} />}
        </section>
      ) : (
        <p class="error-state" role="alert">
          {problem}
        </p>
      )}
      <ExportActions
        name={source.fileName(view, format)}
        content={problem === undefined ? current?.blob : undefined}
        summary={current?.summary ?? ''}
      />
    </>
  );
}

function pictureOf(shown: ExportView, { rows, columns }: Part, cell: number, link: string): Picture {
  const [row, endRow] = parseSlice(rows, shown.grid.rows, 'Rows');
  const [column, endColumn] = parseSlice(columns, shown.grid.columns, 'Columns');
  const window: Window = { row, column, rows: endRow - row, columns: endColumn - column };
  const { grid, paint, title, lines, legend } = shown;
  return {
    grid,
    paint,
    window,
    cell: cell === 0 ? fittingCell(window) : cell,
    title,
    lines,
    legend,
    link,
    inks: inksOf(),
  };
}
