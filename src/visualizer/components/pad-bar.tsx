import type { JSX } from 'preact';
import type { StalePad } from '../model/incident-pad.ts';

/** The channels of one rank, in order: computed, left out although they hold weights, and padding. */
export function PadBar({ pad }: { readonly pad: StalePad }): JSX.Element {
  const { stored, real, computed, lost } = pad;
  const parts = [
    { name: 'computed', count: computed },
    { name: 'left out', count: lost },
    { name: 'padding', count: stored - real },
  ];
  return (
    <div class="pad-bar" role="img" aria-label={parts.map(({ name, count }) => `${count} channels ${name}`).join(', ')}>
      {parts.map(({ name, count }) => (
        <span key={name} class={name.replace(' ', '-')} style={{ flexGrow: count }}>
          <b>{count}</b> <span>{name}</span>
        </span>
      ))}
    </div>
  );
}
