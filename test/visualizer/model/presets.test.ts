import { describe, expect, test } from 'vitest';
import { catalog, MFMA_MAPS } from '../../../src/layout/index.ts';
import { mfmaRef } from '../../../src/visualizer/model/layout-ref.ts';
import { parsePermalink, printPermalink } from '../../../src/visualizer/model/permalink.ts';
import { PRESET_GROUPS, PRESETS } from '../../../src/visualizer/model/presets.ts';
import { bindSubject } from '../../../src/visualizer/model/subject.ts';

describe('presets', () => {
  test.each(PRESETS.map((preset) => [preset.id, preset] as const))(
    '%s binds and survives its permalink',
    (_, preset) => {
      const subject = bindSubject(preset.scene);
      const { layout } = subject.tensor;
      expect(preset.scene.shape).toEqual(layout.shape);
      expect(subject.warnings.filter(({ code }) => code !== 'ck-k64')).toEqual([]);
      const names = layout.dims.map(({ name }) => name);
      expect(parsePermalink(printPermalink(preset.scene, names))).toEqual(preset.scene);
      expect(preset.text.endsWith('.')).toBe(true);
    },
  );

  test('ids and titles are unique, every group has cards', () => {
    expect(new Set(PRESETS.map(({ id }) => id)).size).toBe(PRESETS.length);
    expect(new Set(PRESETS.map(({ title }) => title)).size).toBe(PRESETS.length);
    expect(new Set(PRESETS.map(({ group }) => group))).toEqual(new Set(Object.keys(PRESET_GROUPS)));
  });

  test('every layout of the catalog and every matrix operand has a card', () => {
    const shown = new Set(PRESETS.map(({ scene }) => scene.a));
    expect([...catalog.map(({ id }) => id), ...MFMA_MAPS.map(mfmaRef)].filter((ref) => !shown.has(ref))).toEqual([]);
  });

  test('a register map of a matrix operand fits its own tile', () => {
    for (const { scene } of PRESETS.filter(({ group }) => group === 'mfma')) {
      const { registers, tensor, bits } = bindSubject(scene);
      expect(registers.tiles(tensor.layout, bits)).toBe(1);
    }
  });

  test('sizes are those of the models', () => {
    const scene = (id: string) => PRESETS.find((preset) => preset.id === id)?.scene;
    expect(scene('gpt-oss-w13')).toMatchObject({ shape: [128, 5760, 2880], type: 'e2m1', scale: { block: [1, 32] } });
    expect(scene('deepseek-weight')).toMatchObject({
      shape: [4096, 7168],
      type: 'e4m3fn',
      scale: { block: [128, 128] },
    });
  });
});
