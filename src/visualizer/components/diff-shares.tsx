import type { JSX } from 'preact';
import { countClasses, DIFF_CLASSES, type Pair } from '../model/diff.ts';
import { classWords, percentText } from '../model/diff-lines.ts';
import { diffColors } from '../model/diff-paint.ts';
import { cssColor } from '../model/oklab.ts';
import { theme } from '../state/theme.ts';

/** How many elements are right and where the others lie: a bar, and its key with the same numbers. */
export function DiffShares({ pair }: { readonly pair: Pair }): JSX.Element {
  const { shares, exact, counted } = countClasses(pair);
  const words = classWords(pair);
  const colors = diffColors(theme.value);
  const present = DIFF_CLASSES.filter((name) => shares[name] > 0);
  const { correct, total } = pair.right;
  const summary = present.map((name) => `${words[name].label} ${percentText(shares[name])}`).join(', ');
  return (
    <section class="diff-shares" aria-label="Shares">
      <p class="diff-right">
        <strong>{percentText(correct / total)}</strong> of the elements are read right:{' '}
        <span class="mono">
          {correct.toLocaleString('en')} of {total.toLocaleString('en')}
        </span>
      </p>
      <div class="diff-bar" role="img" aria-label={summary}>
        {present.map((name) => (
          <span
            key={name}
            class={name === 'lost' ? 'lost' : undefined}
            style={{ flexGrow: shares[name], background: cssColor(colors[name]) }}
          />
        ))}
      </div>
      <table class="diff-key">
        <caption class="visually-hidden">Classes of elements</caption>
        <tbody>
          {DIFF_CLASSES.map((name) => (
            <tr key={name} class={shares[name] === 0 ? 'none' : undefined}>
              <td class="swatch-cell">
                <span
                  class={`swatch ${name === 'lost' ? 'lost' : ''}`}
                  style={{ background: cssColor(colors[name]) }}
                />
              </td>
              <th scope="row">{words[name].label}</th>
              <td class="number">{percentText(shares[name])}</td>
              <td class="meaning">{words[name].meaning}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {exact ? null : (
        <p class="muted">
          “Right” is exact; the other shares come from a sample of {counted.toLocaleString('en')} elements.
        </p>
      )}
    </section>
  );
}
