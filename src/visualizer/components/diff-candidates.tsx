import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { elementBits } from '../../formats/element-type.ts';
import { suggestions } from '../model/choices.ts';
import type { PairScene } from '../model/diff.ts';
import { candidates } from '../model/diff-choices.ts';
import { percentText } from '../model/diff-lines.ts';
import { resolveLayout } from '../model/layout-ref.ts';
import { change, outcomeOf, scene } from '../state/store.ts';
import { Rejected } from './layout-controls.tsx';

/** Before a reader is chosen: every layout that takes the shape, with how much of it would still be read right. */
export function DiffCandidates({ scene: shown }: { readonly scene: Omit<PairScene, 'b'> }): JSX.Element {
  const { a, type, shape, experts } = shown;
  const bound = outcomeOf(() => resolveLayout(a, shape, { bits: elementBits(type), experts }));
  const list = useMemo(() => (bound.ok ? candidates(shown) : []), [a, type, String(shape), experts]);
  if (!bound.ok)
    return (
      <Rejected
        message={bound.message}
        suggestions={suggestions(scene.value)}
        onTake={({ fields }) => change(fields)}
      />
    );
  if (list.length === 0)
    return <p class="empty-state">No other layout of the catalog takes this shape; choose one under “Read as”.</p>;
  return (
    <section class="empty-state diff-candidates" aria-label="Readers">
      <p>
        Choose what the kernel takes these bytes for. Right by chance, of {shape.join(' × ')} {type}:
      </p>
      <ul>
        {list.map(({ ref, title, right }) => (
          <li key={ref}>
            <button type="button" onClick={() => change({ b: ref })}>
              <span class="mono">{ref}</span>
              <span class="muted">{title}</span>
              <span class="number">{percentText(right.correct / right.total)}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
