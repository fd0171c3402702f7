import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { scene, subject } from '../state/store.ts';
import { ExportPicture } from './export-picture.tsx';
import { ExportText, TEXT_FORMATS, type TextFormat } from './export-text.tsx';
import { Modal } from './modal.tsx';

const PICTURES = { png: 'PNG picture', svg: 'SVG picture' } as const;
type Format = keyof typeof PICTURES | TextFormat;

const FORMATS: readonly (readonly [Format, string])[] = Object.entries({ ...PICTURES, ...TEXT_FORMATS }) as [
  Format,
  string,
][];

/** Everything that can be taken from a scene: pictures, tables, code and the link. All of it is made in this page. */
export function ExportDialog(): JSX.Element {
  const [format, setFormat] = useState<Format>('png');
  const shown = subject.value;
  return (
    <Modal title="Export">
      {shown.ok ? (
        <div class="export">
          <fieldset>
            <legend>Format</legend>
            {FORMATS.map(([id, title]) => (
              <label key={id} class="export-format">
                <input type="radio" name="export-format" checked={format === id} onChange={() => setFormat(id)} />
                {title}
              </label>
            ))}
          </fieldset>
          <div>
            {format === 'png' || format === 'svg' ? (
              <ExportPicture key={format} format={format} scene={scene.value} subject={shown.value} />
            ) : (
              <ExportText key={format} format={format} scene={scene.value} subject={shown.value} />
            )}
          </div>
        </div>
      ) : (
        <p class="error-state" role="alert">
          {shown.message} There is nothing to export until the layout fits.
        </p>
      )}
    </Modal>
  );
}
