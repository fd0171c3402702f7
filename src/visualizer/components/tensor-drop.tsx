import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ElementType } from '../../formats/element-type.ts';
import type { ByteSource } from '../../io/index.ts';
import { sizeText } from '../model/tensor-file.ts';
import { askRaw, closeFile, fileState, openBlob, openRawFile } from '../state/tensor-session.ts';
import { ShapeInput, TypeSelect } from './layout-controls.tsx';

/** Where files are dropped; a button does the same. Nothing is sent anywhere. */
export function TensorDrop(): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const state = fileState.value;
  usePageDrop(setOver);
  const choose = (
    <>
      <button
        type="button"
        class={state.kind === 'open' ? undefined : 'primary'}
        onClick={() => input.current?.click()}
      >
        Choose a file
      </button>
      <input
        ref={input}
        type="file"
        class="visually-hidden"
        tabIndex={-1}
        aria-label="File to show"
        accept=".safetensors,.npy,.bin,.raw,.dat"
        onChange={({ currentTarget }) => {
          const [file] = currentTarget.files ?? [];
          if (file !== undefined) void openBlob(file);
          currentTarget.value = '';
        }}
      />
    </>
  );
  if (state.kind === 'open')
    return (
      <div class={`tensor-file ${over ? 'is-over' : ''}`}>
        <p>
          <strong>{state.file.name}</strong>{' '}
          <span class="muted">
            {state.file.kind}, {sizeText(state.file.size)}, {countText(state.file.tensors.length)}. It stays in this
            browser.
          </span>
        </p>
        {choose}
        <button type="button" onClick={closeFile}>
          Close
        </button>
      </div>
    );
  return (
    <>
      <div class={`tensor-drop ${over ? 'is-over' : ''}`}>
        <p class="tensor-drop-title">Drop a safetensors, npy or raw file anywhere on this page</p>
        <p class="muted">
          It stays in this browser: nothing is uploaded. Of a safetensors file only the header and the tensor you choose
          are read, so a shard of many gigabytes opens at once.
        </p>
        {choose}
      </div>
      <div aria-live="polite">{state.kind === 'opening' ? <p>Opening {state.name} …</p> : null}</div>
      {state.kind === 'failed' ? (
        <div class="error-state" role="alert">
          <p>{state.message}</p>
          <RawButton source={state.source} />
        </div>
      ) : null}
    </>
  );
}

/** Any file is bytes at least; one that could not be read at all is not. */
function RawButton({ source }: { readonly source: ByteSource | undefined }): JSX.Element | null {
  if (source === undefined) return null;
  return (
    <button type="button" onClick={() => askRaw(source)}>
      Show it as raw bytes
    </button>
  );
}

function countText(count: number): string {
  return `${count.toLocaleString('en')} ${count === 1 ? 'tensor' : 'tensors'}`;
}

/** Takes files that are dropped anywhere; a browser would open them in place of the page. */
function usePageDrop(setOver: (over: boolean) => void): void {
  useEffect(() => {
    const holdsFile = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') === true;
    const onOver = (event: DragEvent): void => {
      if (!holdsFile(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const onLeave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false);
    };
    const onDrop = (event: DragEvent): void => {
      if (!holdsFile(event)) return;
      event.preventDefault();
      setOver(false);
      const [file] = event.dataTransfer?.files ?? [];
      if (file !== undefined) void openBlob(file);
    };
    addEventListener('dragover', onOver);
    addEventListener('dragleave', onLeave);
    addEventListener('drop', onDrop);
    return () => {
      removeEventListener('dragover', onOver);
      removeEventListener('dragleave', onLeave);
      removeEventListener('drop', onDrop);
    };
  }, [setOver]);
}

/** Type, shape and offset of bytes without a header. */
export function TensorRaw({
  source,
  message,
}: {
  readonly source: ByteSource;
  readonly message: string | undefined;
}): JSX.Element {
  const [type, setType] = useState<ElementType>('e4m3fn');
  const [shape, setShape] = useState<readonly number[]>(() => squareOf(source.size));
  const [offset, setOffset] = useState(0);
  return (
    <form
      class="panel tensor-raw"
      onSubmit={(event) => {
        event.preventDefault();
        void openRawFile(source, { type, shape, offset });
      }}
    >
      <h2>Raw bytes</h2>
      <p>
        <strong>{source.name}</strong> has {source.size.toLocaleString('en')} bytes and says nothing about them.
      </p>
      <div class="controls">
        <TypeSelect label="Element type" value={type} onChange={setType} />
        <ShapeInput label="Logical shape" value={shape} onChange={setShape} />
        <label class="control">
          <span>First byte</span>
          <input
            type="number"
            min={0}
            max={source.size}
            step={1}
            value={offset}
            onInput={({ currentTarget }) => setOffset(Math.max(0, Math.floor(Number(currentTarget.value)) || 0))}
          />
        </label>
        <button type="submit" class="primary">
          Show
        </button>
      </div>
      {message === undefined ? null : (
        <p class="field-error" role="alert">
          {message}
        </p>
      )}
    </form>
  );
}

/** A first shape for so many bytes: rows of at most 4096. */
function squareOf(bytes: number): readonly number[] {
  const columns = [4096, 2048, 1024, 512, 256, 128, 64, 32, 16].find((size) => bytes % size === 0 && bytes >= size);
  return columns === undefined ? [Math.max(1, bytes)] : [bytes / columns, columns];
}
