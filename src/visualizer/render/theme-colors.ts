import { parseCss } from '../model/oklab.ts';
import type { OverlayColors } from './overlay.ts';
import type { RulerColors } from './rulers.ts';

/** Colours of what is drawn around and over the cells, from the page's style sheet. */
export interface CanvasColors {
  readonly rulers: RulerColors;
  readonly overlay: OverlayColors;
  /** Packed. */
  readonly border: number;
  readonly monospace: string;
}

/** Reads the tokens in force at an element. */
export function canvasColors(element: Element): CanvasColors {
  const style = getComputedStyle(element);
  const token = (name: string): string => style.getPropertyValue(name).trim();
  const monospace = token('--mono') || 'monospace';
  const isDark = luminanceOf(token('--bg')) < 0x80;
  return {
    rulers: { background: token('--surface'), text: token('--text-2'), line: token('--border'), font: monospace },
    overlay: {
      light: isDark ? token('--text') : token('--surface'),
      dark: isDark ? token('--bg') : token('--text'),
      accent: token('--accent'),
      accentText: token('--accent-text'),
      focus: token('--focus'),
      band: token('--surface'),
      font: monospace,
    },
    border: parseCss(isDark ? token('--bg') : token('--text')),
    monospace,
  };
}

/** Green, which is most of the brightness of a gray. */
function luminanceOf(css: string): number {
  return (parseCss(css) >>> 8) & 0xff;
}
