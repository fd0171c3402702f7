import type { JSX } from 'preact';
import type { BitField, BitReading, BitSample } from '../model/incident-bits.ts';

/** Bits in boxes, each part with its colour and its name below. */
export function BitFields({ fields }: { readonly fields: readonly BitField[] }): JSX.Element {
  return (
    <span class="bits">
      {fields.map(({ kind, label, bits }, at) => (
        <span key={at} class={`bit-field ${kind}`}>
          <span class="bit-row mono">{bits}</span>
          <span class="bit-label">{label}</span>
        </span>
      ))}
    </span>
  );
}

/** The same bits under both readings, one above the other. */
export function BitRow({ sample }: { readonly sample: BitSample }): JSX.Element {
  return (
    <li class="bit-sample">
      <Reading title="written" reading={sample.written} />
      <Reading title="read" reading={sample.read} />
      <p class="bit-factor">
        <span class="muted">off by</span> <span class="mono">{sample.factor}</span>
      </p>
    </li>
  );
}

function Reading({ title, reading }: { readonly title: string; readonly reading: BitReading }): JSX.Element {
  return (
    <div class="bit-reading">
      <span class="bit-side">
        {title} <span class="mono muted">{reading.code}</span>
      </span>
      <BitFields fields={reading.fields} />
      <span class="bit-value mono">= {reading.value}</span>
    </div>
  );
}
