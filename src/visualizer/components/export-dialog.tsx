import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { type Exportable, TEXT_FORMATS, type TextFormat } from '../model/export/source.ts';
import { exportable } from '../state/export.ts';
import { ExportPicture } from './export-picture.tsx';
import { ExportReady } from './export-ready.tsx';
import { ExportText } from './export-text.tsx';
import { Modal } from './modal.tsx';

const PICTURES = { png: 'PNG picture', svg: 'SVG picture' } as const;
type Format = keyof typeof PICTURES | TextFormat;

const TITLES: Readonly<Record<Format, string>> = { ...PICTURES, ...TEXT_FORMATS };

/** What can be taken from a screen: pictures, tables, code and the link. All of it is made in this page. */
export function ExportDialog(): JSX.Element {
  const shown = exportable.value;
  return (
    <Modal title="Export">
      {shown.kind === 'nothing' ? (
        <p class={shown.isError ? 'error-state' : 'empty-state'} role={shown.isError ? 'alert' : 'status'}>
          {shown.message}
        </p>
      ) : (
        <Formats shown={shown} />
      )}
    </Modal>
  );
}

type Given = Exclude<Exportable, { kind: 'nothing' }>;

function Formats({ shown }: { readonly shown: Given }): JSX.Element {
  const [chosen, setChosen] = useState<Format>('png');
  const formats = formatsOf(shown);
  const format = formats.includes(chosen) ? chosen : (formats[0] ?? 'link');
  return (
    <div class="export">
      <fieldset>
        <legend>Format</legend>
        {formats.map((id) => (
          <label key={id} class="export-format">
            <input type="radio" name="export-format" checked={format === id} onChange={() => setChosen(id)} />
            {TITLES[id]}
          </label>
        ))}
      </fieldset>
      <div>
        <Content shown={shown} format={format} />
      </div>
    </div>
  );
}

function formatsOf(shown: Given): readonly Format[] {
  const texts =
    shown.kind === 'subject' ? (Object.keys(TEXT_FORMATS) as TextFormat[]) : shown.texts.map(({ format }) => format);
  return [...(shown.pictures === undefined ? [] : (Object.keys(PICTURES) as (keyof typeof PICTURES)[])), ...texts];
}

function Content({ shown, format }: { readonly shown: Given; readonly format: Format }): JSX.Element | null {
  if (format === 'png' || format === 'svg')
    return shown.pictures === undefined ? null : <ExportPicture key={format} format={format} source={shown.pictures} />;
  if (shown.kind === 'subject')
    return <ExportText key={format} format={format} scene={shown.scene} subject={shown.subject} data={shown.data} />;
  const source = shown.texts.find((text) => text.format === format);
  return source === undefined ? null : <ExportReady key={format} source={source} />;
}
