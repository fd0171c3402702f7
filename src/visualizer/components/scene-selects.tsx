import type { JSX } from 'preact';
import { catalog } from '../../layout/index.ts';
import { COLOR_TITLES, registerGroups, SCALE_BLOCKS, scaleBlockId } from '../model/choices.ts';
import { COLORS, type ColorId, type ScaleChoice } from '../model/scene.ts';
import type { SelectProps } from './layout-controls.tsx';
import { OptionGroups } from './option-groups.tsx';

/** Which registers: a wave's load of consecutive bytes, or an operand of a matrix instruction. */
export function RegisterSelect({
  label,
  value,
  onChange,
  bits,
}: SelectProps<string> & { readonly bits: number }): JSX.Element {
  return (
    <label class="control">
      <span>{label}</span>
      <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        <OptionGroups groups={registerGroups(bits)} />
      </select>
    </label>
  );
}

/** What the colour of a cell stands for. */
export function ColorSelect({ label, value, onChange }: SelectProps<ColorId>): JSX.Element {
  return (
    <label class="control">
      <span>{label}</span>
      <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value as ColorId)}>
        {COLORS.map((color) => (
          <option key={color} value={color}>
            {COLOR_TITLES[color]}
          </option>
        ))}
      </select>
    </label>
  );
}

export interface ScaleSelectProps {
  readonly value: ScaleChoice | undefined;
  onChange(value: ScaleChoice | undefined): void;
}

/** Which elements share a scale, and how the scales lie in memory. */
export function ScaleSelect({ value, onChange }: ScaleSelectProps): JSX.Element {
  const current = value === undefined ? 'none' : scaleBlockId(value);
  const known = SCALE_BLOCKS.some((choice) => scaleBlockId(choice) === current);
  return (
    <>
      <label class="control">
        <span>Scale</span>
        <select
          value={current}
          onChange={({ currentTarget }) => {
            const choice = SCALE_BLOCKS.find((block) => scaleBlockId(block) === currentTarget.value);
            onChange(choice === undefined ? undefined : { ...choice, layout: value?.layout ?? 'row-major' });
          }}
        >
          <option value="none">none</option>
          {known || value === undefined ? null : <option value={current}>{scaleTitle(value)}</option>}
          {SCALE_BLOCKS.map((choice) => (
            <option key={scaleBlockId(choice)} value={scaleBlockId(choice)}>
              {scaleTitle(choice)}
            </option>
          ))}
        </select>
      </label>
      {value === undefined ? null : (
        <label class="control">
          <span>Scale layout</span>
          <select
            value={value.layout}
            onChange={({ currentTarget }) => onChange({ ...value, layout: currentTarget.value })}
          >
            {value.layout.includes('->') ? <option value={value.layout}>{value.layout}</option> : null}
            {catalog
              .filter(({ operand }) => operand === 'any' || operand.endsWith('scale'))
              .map(({ id }) => (
                <option key={id} value={id}>
                  {id}
                </option>
              ))}
          </select>
        </label>
      )}
    </>
  );
}

function scaleTitle({ block, type }: Pick<ScaleChoice, 'block' | 'type'>): string {
  return `${block.join(' × ')}, ${type}`;
}
