/** Font of pictures: fixed width, so that texts can be measured without a browser. */
export const SVG_FONT = 'ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace';
/** Size of all text but the title, in pixels. */
export const SMALL = 11;

/** Width of a character, as part of the font size, wide enough for all usual monospace fonts. */
export const ADVANCE = 0.62;

/** Pixels that a text takes at most. */
export function textWidth(text: string, size: number = SMALL): number {
  return Math.ceil(text.length * size * ADVANCE);
}

export function svgText(x: number, y: number, content: string, fill: string, more = ''): string {
  const attributes = more === '' ? '' : ` ${more}`;
  return `<text x="${round(x)}" y="${round(y)}" fill="${fill}"${attributes}>${escapeXml(content)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export function escapeXml(content: string): string {
  return content.replace(/[&<>"]/g, (c) => ENTITIES[c] ?? c);
}
