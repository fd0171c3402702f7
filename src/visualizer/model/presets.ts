import { FAULTS } from './presets/faults.ts';
import { GFX1250 } from './presets/gfx1250.ts';
import { MODELS } from './presets/models.ts';
import { OPERANDS } from './presets/operands.ts';
import type { Preset } from './presets/preset.ts';
import { ACTIVATION_SCALES, WEIGHT_SCALES } from './presets/scales.ts';
import { GATE_UP, WEIGHTS } from './presets/weights.ts';

export { PRESET_GROUPS, type Preset, type PresetGroup } from './presets/preset.ts';

/** Every preset, group by group. */
export const PRESETS: readonly Preset[] = [
  ...WEIGHTS,
  ...GATE_UP,
  ...WEIGHT_SCALES,
  ...ACTIVATION_SCALES,
  ...OPERANDS,
  ...GFX1250,
  ...MODELS,
  ...FAULTS,
];
