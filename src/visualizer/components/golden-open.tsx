import { useSignal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { showReport } from '../state/golden.ts';

/** A button that opens a report. */
export function OpenReport({ label }: { readonly label: string }): JSX.Element {
  return (
    <label class="golden-open">
      <span>{label}</span>
      <input
        type="file"
        accept=".json,application/json"
        onChange={(event) => {
          const { files } = event.currentTarget;
          void read(files?.[0]);
          // The same file can be opened again after it was written anew.
          event.currentTarget.value = '';
        }}
      />
    </label>
  );
}

/** Takes reports that are dropped on it; on the whole page it takes those that are pasted. */
export function ReportTarget({ children }: { readonly children: ComponentChildren }): JSX.Element {
  const isOver = useSignal(false);
  useEffect(() => {
    const paste = (event: ClipboardEvent): void => {
      if (event.target instanceof HTMLElement && event.target.closest('input, textarea') !== null) return;
      const file = event.clipboardData?.files[0];
      const text = event.clipboardData?.getData('text/plain') ?? '';
      if (file !== undefined) void read(file);
      else if (text !== '') showReport(text, 'pasted text');
    };
    addEventListener('paste', paste);
    return () => removeEventListener('paste', paste);
  }, []);
  return (
    <section
      aria-label="Golden report"
      class={`golden ${isOver.value ? 'is-over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault();
        isOver.value = true;
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) isOver.value = false;
      }}
      onDrop={(event) => {
        event.preventDefault();
        isOver.value = false;
        const file = event.dataTransfer?.files[0];
        const text = event.dataTransfer?.getData('text/plain') ?? '';
        if (file !== undefined) void read(file);
        else if (text !== '') showReport(text, 'dropped text');
      }}
    >
      {children}
    </section>
  );
}

async function read(file: File | undefined): Promise<void> {
  if (file !== undefined) showReport(await file.text(), file.name);
}
