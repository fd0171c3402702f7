/**
 * Colours by how they look: OKLab lightness (0 black … 1 white) and two axes, a (green to red) and b (blue to yellow). Colours that
 * differ in L or b stay apart for people who do not tell red from green.
 * Source of the matrices: Björn Ottosson, "A perceptual color space for image processing" (2020).
 */
export interface Oklab {
  readonly L: number;
  readonly a: number;
  readonly b: number;
}

/** The nearest colour of a screen, packed as the bytes of an ImageData (0xAABBGGRR), opaque. */
export function packOklab({ L, a, b }: Oklab): number {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return packLinear(
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  );
}

/** Linear light, 0 to 1 a channel, as packed sRGB. What a screen cannot show is clipped. */
export function packLinear(red: number, green: number, blue: number): number {
  return pack(encodeChannel(red), encodeChannel(green), encodeChannel(blue));
}

/** Channels of 0 to 255 as an opaque packed colour. */
export function pack(red: number, green: number, blue: number): number {
  return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
}

/** Red, green and blue of a packed colour in linear light, 0 to 1. */
export function linearOf(color: number): readonly [number, number, number] {
  return [decodeChannel(color & 0xff), decodeChannel((color >>> 8) & 0xff), decodeChannel((color >>> 16) & 0xff)];
}

/** The OKLab colour of linear light. */
export function oklabOf([red, green, blue]: readonly [number, number, number]): Oklab {
  const l = Math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue);
  const m = Math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue);
  const s = Math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue);
  return {
    L: 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    a: 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    b: 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  };
}

/** Relative luminance of WCAG, 0 black to 1 white. */
export function luminance(color: number): number {
  const [red, green, blue] = linearOf(color);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Contrast ratio of WCAG, 1 to 21. */
export function contrast(one: number, other: number): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** `#rrggbb`. */
export function cssColor(color: number): string {
  const hex = (shift: number): string => ((color >>> shift) & 0xff).toString(16).padStart(2, '0');
  return `#${hex(0)}${hex(8)}${hex(16)}`;
}

/** The packed colour of `#rrggbb` or `#rgb`. */
export function parseCss(text: string): number {
  const digits = text.trim().replace('#', '');
  const full = digits.length === 3 ? [...digits].map((digit) => digit + digit).join('') : digits;
  const value = Number.parseInt(full, 16);
  return pack((value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

function encodeChannel(light: number): number {
  const clipped = Math.min(1, Math.max(0, light));
  const value = clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055;
  return Math.round(value * 255);
}

function decodeChannel(byte: number): number {
  const value = byte / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}
