import type { JSX } from 'preact';
import { COLOR_TITLES } from '../model/choices.ts';
import { COLORS, type ColorId } from '../model/scene.ts';
import { SHORTCUTS, VIEW_KEYS } from '../state/keyboard.ts';
import { Modal } from './modal.tsx';

const COLOR_MEANING: Readonly<Record<ColorId, string>> = {
  lane: 'which of the 64 lanes of a wave holds the element',
  vgpr: 'which register of the lane holds it',
  line: 'its place in memory from first (dark) to last (light); 16-byte lines alternate',
  tile: 'which load of a wave, or which matrix tile, it belongs to',
  bank: 'the LDS bank, if the bytes are copied to LDS as they lie',
  scale: 'which elements share one scale',
  expert: 'the expert',
  value: 'the decoded value: blue below zero, orange above',
  code: 'the stored bits',
};

const FIELDS: readonly (readonly [string, string])[] = [
  ['screen', 'atlas, lens, diff, incidents, tensor, golden or run'],
  ['a, b', 'layouts: a name, an operand such as mfma.16x16x128.B.fp4, or a pattern (n0.n1:16).(k)~n0.k.n1'],
  ['dt', 'element type: e4m3fn, e2m1, e8m0, bf16, …'],
  ['shape', 'sizes; letters are for people: E8,N5760,K2880'],
  ['experts', 'experts stacked in the rows of a scale'],
  ['scale', 'block, type and layout of the scales: 1x32:e8m0:shuffle_scale'],
  ['reg', 'register map: load4, load8, load16 or an operand'],
  ['view', 'log, mem, reg, scale, bank'],
  ['color, line', 'colour mode; bytes in a row of memory'],
  ['sel', 'pinned elements: e3.n517.k96,e0.n0.k0'],
  ['step, topic', 'position of the step rail; what a screen shows beside'],
];

/** Keys, colours, the format of permalinks, and what happens to data. */
export function HelpDialog(): JSX.Element {
  return (
    <Modal title="Help">
      <div class="help">
        <section>
          <h3>Keys</h3>
          <table>
            <tbody>
              {[...SHORTCUTS, ...VIEW_KEYS].map(({ key, description }) => (
                <tr key={key}>
                  <th scope="row">
                    <kbd>{key}</kbd>
                  </th>
                  <td>{description}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <p class="muted">Keys rest while you type. Wheel or pinch zooms, dragging moves a grid.</p>
        </section>
        <section>
          <h3>Colours</h3>
          <table>
            <tbody>
              {COLORS.map((color) => (
                <tr key={color}>
                  <th scope="row">{COLOR_TITLES[color]}</th>
                  <td>{COLOR_MEANING[color]}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <p class="muted">Padding is hatched, NaN is crossed, whatever the mode.</p>
        </section>
        <section>
          <h3>Links</h3>
          <p>
            The address holds all that is shown, behind <code>#v=1&amp;</code>; what equals the default is left out.
          </p>
          <table>
            <tbody>
              {FIELDS.map(([key, meaning]) => (
                <tr key={key}>
                  <th scope="row">
                    <code>{key}</code>
                  </th>
                  <td>{meaning}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
        <section>
          <h3>Privacy</h3>
          <p>
            Nothing leaves the browser. Files are read where they are, everything is computed in this page, and the part
            of a link behind # is never sent to a server. Links hold no data of files.
          </p>
        </section>
      </div>
    </Modal>
  );
}
