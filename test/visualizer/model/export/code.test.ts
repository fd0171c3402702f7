import { describe, expect, test } from 'vitest';
import { catalog, type Layout, permute, rowMajor } from '../../../../src/layout/index.ts';
import { codeOf } from '../../../../src/visualizer/model/export/code.ts';
import { PRESETS } from '../../../../src/visualizer/model/presets.ts';
import { DEFAULT_SCENE, type Scene } from '../../../../src/visualizer/model/scene.ts';
import { bindSubject } from '../../../../src/visualizer/model/subject.ts';
import { runProgram } from './run-program.ts';

interface Program {
  readonly layout: Layout;
  readonly scaleLayout?: Layout;
  toLayout(bytes: Uint8Array): Uint8Array;
}

const run = runProgram<Program>;

const scenes: readonly (readonly [string, Scene])[] = [
  ...PRESETS.map(({ id, scene }) => [id, scene] as const),
  ['custom', { ...DEFAULT_SCENE, a: '(n0 n1:16) (k0 k1:32) -> n0 k0 n1 k1', pins: [[17, 40]] }],
];

describe('generated TypeScript', () => {
  test.each(scenes)('%s places elements as the scene does', (_, scene) => {
    const subject = bindSubject(scene);
    const { layout } = subject.tensor;
    const program = run(codeOf(scene, subject, 'https://example.org/#v=1'));
    expect(program.layout.equals(layout)).toBe(true);
    expect(program.scaleLayout?.toString()).toBe(subject.scale?.tensor.layout.toString());
    const coord = scene.pins[0] ?? layout.shape.map(() => 0);
    const offset = layout.offset(coord);
    expect(program.printed).toHaveLength(Math.max(1, scene.pins.length));
    expect(program.printed[0]?.[1]).toEqual(subject.registers.placeOf(layout, offset, subject.bits));
  });

  test('moves bytes, and fills the padding as the source does', () => {
    for (const { id, scene } of PRESETS.filter(({ group }) => group !== 'model')) {
      const subject = bindSubject(scene);
      const { layout } = subject.tensor;
      const bytes = Uint8Array.from({ length: (layout.size * subject.bits) / 8 }, (_, at) => (at * 31) % 251);
      const padding = catalog.find((entry) => entry.id === scene.a)?.padding;
      const fill = typeof padding === 'number' ? padding : 0;
      const want = permute(bytes, rowMajor(layout.shape), layout, subject.bits, { fill });
      expect([id, run(codeOf(scene, subject, '')).toLayout(bytes)]).toEqual([id, want]);
    }
  });

  test('reads like a program of a person', () => {
    const scene: Scene = { ...DEFAULT_SCENE, pins: [[17, 40]] };
    expect(codeOf(scene, bindSubject(scene), 'https://example.org/#v=1&screen=lens')).toMatchInlineSnapshot(`
      "// Preshuffled weight, gate and up separated: e4m3fn [64, 128]
      // AITER aiter/ops/shuffle.py shuffle_weight
      // https://example.org/#v=1&screen=lens
      import { describeLocation, loadRegisters, locate, permute, rowMajor, shuffleWeight } from 'preshuffle/layout';

      export const layout = shuffleWeight([64, 128], { bits: 8 });

      /** Row-major bytes in this layout. */
      export function toLayout(bytes: Uint8Array): Uint8Array {
        return permute(bytes, rowMajor([64, 128]), layout, 8);
      }

      const registers = loadRegisters(16);
      for (const coord of [[17, 40]]) {
        const location = locate(layout, coord, 8);
        console.log(describeLocation(layout, location), registers.placeOf(layout, location.offset, 8));
      }
      "
    `);
  });
});
