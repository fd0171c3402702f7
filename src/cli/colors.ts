import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Colours only for a terminal, and never when NO_COLOR asks for none (https://no-color.org). */
export function paint(stream: { readonly isTTY?: boolean }): (style: Style, text: string) => string {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  const forced = FORCE_COLOR !== undefined && FORCE_COLOR !== '' && FORCE_COLOR !== '0';
  const refused = NO_COLOR !== undefined && NO_COLOR !== '';
  // styleText without a stream check exists in every Node that has styleText; older Node 20 has none.
  const active = (forced || (stream.isTTY === true && !refused)) && typeof styleText === 'function';
  return (style, text) => (active ? styleText(style, text) : text);
}
