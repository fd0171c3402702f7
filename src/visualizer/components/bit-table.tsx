import type { JSX } from 'preact';
import type { Layout } from '../../layout/index.ts';
import { bitMatrix } from '../model/bit-matrix.ts';

/** The layout as a matrix over F2: a dot where a bit of the storage offset is a bit of a coordinate. */
export function BitTable({ layout }: { readonly layout: Layout }): JSX.Element | null {
  const { rows, endsAt } = bitMatrix(layout);
  if (rows.length === 0) return null;
  const columns = layout.dims
    .flatMap(({ name }, axis) => rows.filter((row) => row.axis === axis).map(({ bit }) => ({ axis, bit, name })))
    .toSorted((a, b) => a.axis - b.axis || b.bit - a.bit);
  return (
    <details class="bit-table">
      <summary>
        Bits: offset = matrix × coordinate over F<sub>2</sub>
      </summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard. */}
      <section class="scrolls" tabIndex={0} aria-label="Bit matrix">
        <table>
          <thead>
            <tr>
              <th scope="col">offset</th>
              {columns.map(({ axis, bit, name }) => (
                <th key={`${axis}.${bit}`} scope="col">
                  {name}
                  <sub>{bit}</sub>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows
              .map((row, at) => ({ ...row, at }))
              .toReversed()
              .map((row) => (
                <tr key={row.at}>
                  <th scope="row">bit {row.at}</th>
                  {columns.map(({ axis, bit }) => {
                    const isSet = axis === row.axis && bit === row.bit;
                    return (
                      <td key={`${axis}.${bit}`} class={isSet ? 'set' : undefined}>
                        {isSet ? '1' : '·'}
                      </td>
                    );
                  })}
                </tr>
              ))}
          </tbody>
        </table>
      </section>
      {endsAt === undefined ? null : (
        <p class="muted">
          Digit {endsAt.name} has {endsAt.size} values, which is no power of two or lies above such a digit: from bit{' '}
          {rows.length} on the offset is a sum, not an XOR.
        </p>
      )}
    </details>
  );
}
