import type { ElementType } from '../../formats/element-type.ts';

/** Screens in the order of the navigation. */
export const SCREENS = ['atlas', 'lens', 'diff', 'incidents', 'tensor', 'golden', 'run'] as const;
export type ScreenId = (typeof SCREENS)[number];

/** Views of the Lens, in the order of keys 1 to 5. */
export const VIEWS = ['logical', 'memory', 'register', 'scale', 'bank'] as const;
export type ViewId = (typeof VIEWS)[number];

/** What a cell's colour stands for. */
export const COLORS = ['lane', 'vgpr', 'line', 'tile', 'bank', 'scale', 'expert', 'value', 'code'] as const;
export type ColorId = (typeof COLORS)[number];

/** Scales that belong to the elements: `block` elements of the last two dimensions share one. */
export interface ScaleChoice {
  readonly block: readonly [number, number];
  readonly type: 'e8m0' | 'f32';
  /** Reference of the scale's layout, see `resolveLayout`. */
  readonly layout: string;
}

/** Everything that a permalink holds: what is shown, and how. Plain data. */
export interface Scene {
  readonly screen: ScreenId;
  /** Reference of the layout, or of the one the bytes were written in; see `resolveLayout`. */
  readonly a: string;
  /** Diff: reference of the layout that the reader assumes. */
  readonly b: string | undefined;
  readonly type: ElementType;
  /** Logical shape. */
  readonly shape: readonly number[];
  /** Experts stacked in the rows, for layouts of scales. */
  readonly experts: number;
  readonly scale: ScaleChoice | undefined;
  /** Register map: `load4`, `load8`, `load16`, or an operand such as `mfma.16x16x128.B.fp4`. */
  readonly registers: string;
  readonly views: readonly ViewId[];
  readonly color: ColorId;
  /** Bytes in a row of the memory view. */
  readonly line: number;
  /** Position of the step rail; undefined at its end. */
  readonly step: number | undefined;
  /** Pinned coordinates. */
  readonly pins: readonly (readonly number[])[];
  /** What a screen shows beside: the incident, the example that runs, the case of a report. */
  readonly topic: string | undefined;
  /** A tensor file or report on the page's own server, which `preshuffle visualize FILE` puts there: `opened/dump.safetensors`. */
  readonly file: string | undefined;
}

/** The page without a permalink: the preshuffled fp8 weight. */
export const DEFAULT_SCENE: Scene = {
  screen: 'atlas',
  a: 'shuffle_weight(16,16)',
  b: undefined,
  type: 'e4m3fn',
  shape: [64, 128],
  experts: 1,
  scale: undefined,
  registers: 'load16',
  views: VIEWS,
  color: 'lane',
  line: 128,
  step: undefined,
  pins: [],
  topic: undefined,
  file: undefined,
};
