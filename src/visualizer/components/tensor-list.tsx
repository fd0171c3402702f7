import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { type FileTensor, sizeText, type TensorFile } from '../model/tensor-file.ts';
import { chooseTensor, chosen } from '../state/tensor-session.ts';

/** Rows that are drawn at once; more are found by searching. */
const SHOWN = 200;

/** Tensors of the file with dtype, shape and size. The search takes several words. */
export function TensorList({ file }: { readonly file: TensorFile }): JSX.Element {
  const [text, setText] = useState('');
  const found = matching(file.tensors, text);
  return (
    <section class="tensor-list" aria-labelledby="tensor-list">
      <h2 id="tensor-list">Tensors</h2>
      {file.tensors.length > 8 ? (
        <label class="control">
          <span>Search</span>
          <input
            type="search"
            spellcheck={false}
            placeholder="experts w13 scale"
            value={text}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
        </label>
      ) : null}
      <p class="muted tensor-count" aria-live="polite">
        {text.trim() === ''
          ? ''
          : `${found.length.toLocaleString('en')} of ${file.tensors.length.toLocaleString('en')}`}
      </p>
      {file.tensors.length === 0 ? <p class="empty-state">This file holds no tensors.</p> : null}
      <ul>
        {found.slice(0, SHOWN).map((tensor) => (
          <li key={tensor.name}>
            <button
              type="button"
              class="tensor-row"
              aria-pressed={chosen.value === tensor.name}
              onClick={() => void chooseTensor(tensor)}
            >
              <span class="tensor-name">{tensor.name}</span>
              <span class="tensor-facts">
                {tensor.dtype} [{tensor.shape.join(', ')}] · {sizeText(tensor.bytes)}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {found.length > SHOWN ? <p class="muted">{found.length - SHOWN} more; search for a part of the name.</p> : null}
    </section>
  );
}

function matching(tensors: readonly FileTensor[], text: string): readonly FileTensor[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return tensors;
  return tensors.filter(({ name, dtype }) => {
    const known = `${name} ${dtype}`.toLowerCase();
    return words.every((word) => known.includes(word));
  });
}
