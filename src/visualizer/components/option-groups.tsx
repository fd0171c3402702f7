import type { JSX } from 'preact';
import type { LayoutGroup } from '../model/choices.ts';

/** The grouped options of a select. */
export function OptionGroups({ groups }: { readonly groups: readonly LayoutGroup[] }): JSX.Element {
  return (
    <>
      {groups.map(({ label, options }) => (
        <optgroup key={label} label={label}>
          {options.map(({ ref, title }) => (
            <option key={ref} value={ref}>
              {title}
            </option>
          ))}
        </optgroup>
      ))}
    </>
  );
}
