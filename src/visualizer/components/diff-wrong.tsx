import type { JSX } from 'preact';
import type { Pair } from '../model/diff.ts';
import { byteText, classWords, elementText, firstWrong } from '../model/diff-lines.ts';

/** The first wrong elements, for a look at a tensor in a debugger. */
export function FirstWrong({
  pair,
  onPick,
}: {
  readonly pair: Pair;
  onPick(asked: readonly number[]): void;
}): JSX.Element {
  const rows = firstWrong(pair);
  const words = classWords(pair);
  const text = (coord: readonly number[]): string => elementText(pair, coord, pair.names);
  if (rows.length === 0) return <p class="muted">No wrong element among the first million.</p>;
  return (
    <section class="table-scroll" aria-label="First wrong elements">
      <table class="diff-wrong">
        <caption>First {rows.length} wrong elements</caption>
        <thead>
          <tr>
            <th scope="col">Asked for</th>
            <th scope="col">Reads</th>
            <th scope="col">Gets</th>
            <th scope="col">It lies at</th>
            <th scope="col">Distance</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.offset}>
              <td>
                <button type="button" class="link mono" onClick={() => onPick(row.asked)}>
                  {text(row.asked)}
                </button>
              </td>
              <td class="mono">{byteText(row.offset, pair.bits)}</td>
              <td class="mono">{row.got === undefined ? 'padding' : text(row.got)}</td>
              <td class="mono">{byteText(row.liesAt, pair.bits)}</td>
              <td>{words[row.kind].label}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
