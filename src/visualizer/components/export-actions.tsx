import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { copyText } from './clipboard.ts';

export interface ExportActionsProps {
  readonly name: string;
  /** Undefined while it is made or where it cannot be. */
  readonly content: Blob | string | undefined;
  /** Size and extent, as in `512 rows`. */
  readonly summary: string;
}

/** Download and copy, and what came of it. */
export function ExportActions({ name, content, summary }: ExportActionsProps): JSX.Element {
  const [done, setDone] = useState<{ readonly content: ExportActionsProps['content']; readonly text: string }>();
  const size =
    content === undefined
      ? ''
      : typeof content === 'string'
        ? byteText(new Blob([content]).size)
        : byteText(content.size);
  // A message is about what was downloaded, not about what was chosen since.
  const message =
    done !== undefined && done.content === content ? done.text : [summary, size].filter(Boolean).join(', ');
  return (
    <div class="export-actions">
      <button
        type="button"
        class="primary"
        disabled={content === undefined}
        onClick={() => {
          if (content === undefined) return;
          download(name, content);
          setDone({ content, text: `Downloaded ${name}, ${size}.` });
        }}
      >
        Download
      </button>
      {typeof content === 'string' ? (
        <button
          type="button"
          onClick={async () => {
            const copied = await copyText(content);
            setDone({ content, text: copied ? 'Copied.' : 'The browser refused the clipboard; download the file.' });
          }}
        >
          Copy
        </button>
      ) : null}
      <p class="muted" role="status">
        {message}
      </p>
    </div>
  );
}

function download(name: string, content: Blob | string): void {
  const blob = typeof content === 'string' ? new Blob([content], { type: 'text/plain;charset=utf-8' }) : content;
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has read the blob by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** `34.1 KB`. */
function byteText(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
