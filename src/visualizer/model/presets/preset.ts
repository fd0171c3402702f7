import type { ElementType } from '../../../formats/element-type.ts';
import { DEFAULT_SCENE, type ScaleChoice, type Scene } from '../scene.ts';

/** A scene of the Atlas: what opens in the Lens, and what its card says. */
export interface Preset {
  /** Stable; tests and bookmarks of the Atlas use it. */
  readonly id: string;
  readonly group: PresetGroup;
  readonly title: string;
  /** One sentence: what the picture teaches. */
  readonly text: string;
  readonly scene: Scene;
  /** The view that the card shows. */
  readonly picture: 'logical' | 'memory';
}

/** Groups in the order of the page. */
export const PRESET_GROUPS = {
  weight: 'Weights',
  gateUp: 'Gate and up of a mixture of experts',
  weightScale: 'Scales of weights',
  activationScale: 'Scales of activations',
  mfma: 'Operands of matrix instructions',
  gfx1250: 'gfx1250',
  model: 'Real sizes',
  fault: 'Orders that come from mistakes',
} as const;
export type PresetGroup = keyof typeof PRESET_GROUPS;

/** MXFP4 elements. */
export const FP4: ElementType = 'e2m1';

/** The e8m0 scales of MX formats, one for 32 columns. */
export const MX = (layout: string): ScaleChoice => ({ block: [1, 32], type: 'e8m0', layout });

/** What a preset changes of the default scene. */
export type Change = Partial<Scene> & Pick<Scene, 'a' | 'shape'>;

/** A scene of the Lens: the default one with changes. */
export const lens = (change: Change): Scene => ({
  ...DEFAULT_SCENE,
  screen: 'lens',
  views: change.scale === undefined ? ['logical', 'memory', 'register'] : ['logical', 'memory', 'register', 'scale'],
  ...change,
});

/** A preset, shortly. */
export type Row = readonly [id: string, title: string, text: string, change: Change, picture?: 'memory'];

/** Presets of one group. */
export const rows = (group: PresetGroup, list: readonly Row[]): readonly Preset[] =>
  list.map(([id, title, text, change, picture]) => ({
    id,
    group,
    title,
    text,
    scene: lens(change),
    picture: picture ?? 'logical',
  }));
