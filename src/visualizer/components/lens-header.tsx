import type { JSX } from 'preact';
import type { MfmaEvidence } from '../../layout/index.ts';
import { mfmaTitle } from '../model/choices.ts';
import { findMfma } from '../model/layout-ref.ts';
import type { Subject } from '../model/subject.ts';
import { data, scene } from '../state/store.ts';

const EVIDENCE: Readonly<Record<MfmaEvidence, string>> = {
  calculator: "AMD's matrix instruction calculator prints this map.",
  kernels:
    'Several kernels load their operands this way and give right results with a scale of their own for every block.',
  'kernels-contradictory':
    'Kernels load their operands this way, but tests in the same libraries assume another order, which uniform scales cannot tell ' +
    'apart. Verify it on hardware with a one-hot A and distinct scales.',
};

/** Title, notation, CuTe form, source and evidence of the layout, what goes wrong with it, and where the codes come from. */
export function LensHeader({
  shown,
  extra,
}: {
  readonly shown: Subject;
  readonly extra?: string | undefined;
}): JSX.Element {
  const { resolved, warnings, tensor, bits } = shown;
  const { layout, mfma, title, source, entry } = resolved;
  const bytes = (layout.storageSize * bits) / 8;
  const operand = findMfma(scene.value.registers);
  const padding = layout.storageSize - layout.size;
  return (
    <header class="lens-header">
      <h1>{title}</h1>
      <dl class="facts">
        <dt>Layout</dt>
        <dd>
          <code>{layout.toString()}</code>
        </dd>
        <dt>CuTe</dt>
        <dd>
          <code>{layout.toCute()}</code>
        </dd>
        <dt>Source</dt>
        <dd>{entry === undefined && mfma === undefined ? 'your notation' : source}</dd>
        {mfma === undefined ? null : (
          <>
            <dt>Evidence</dt>
            <dd>{EVIDENCE[mfma.evidence]}</dd>
          </>
        )}
        {operand === undefined || operand === mfma ? null : (
          <>
            <dt>Registers</dt>
            <dd>
              {mfmaTitle(operand)}: {EVIDENCE[operand.evidence]}
            </dd>
          </>
        )}
        <dt>Storage</dt>
        <dd>
          {layout.storageSize.toLocaleString('en')} elements, {bytes.toLocaleString('en')} bytes
          {padding === 0 ? '' : `, of them ${paddingText(padding, entry?.padding)}`}
        </dd>
        <dt>Codes</dt>
        <dd>
          {data.value === undefined
            ? `address-coded: each ${tensor.type} code tells its logical address`
            : `of ${data.value.name}`}
        </dd>
      </dl>
      {[...warnings.map(({ message }) => message), ...(extra === undefined ? [] : [extra])].map((message) => (
        <p key={message} class="banner">
          {message.replace(/^./, (c) => c.toUpperCase())}
        </p>
      ))}
    </header>
  );
}

function paddingText(count: number, filled: number | 'undefined' | 'none' | undefined): string {
  const text = `${count.toLocaleString('en')} elements of padding`;
  if (filled === undefined || filled === 'none') return text;
  return filled === 'undefined' ? `${text}, left undefined` : `${text}, filled with 0x${filled.toString(16)}`;
}
