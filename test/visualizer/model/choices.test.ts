import { describe, expect, it } from 'vitest';
import { catalog, MFMA_MAPS, rowMajor, shuffleScale } from '../../../src/layout/index.ts';
import {
  fieldsForLayout,
  layoutGroups,
  parseShape,
  registerGroups,
  suggestions,
  TYPE_GROUPS,
} from '../../../src/visualizer/model/choices.ts';
import { mfmaRef, REGISTER_REFS } from '../../../src/visualizer/model/layout-ref.ts';
import { pinned, pinsWithin } from '../../../src/visualizer/model/pins.ts';
import { DEFAULT_SCENE, type Scene } from '../../../src/visualizer/model/scene.ts';
import { bindSubject } from '../../../src/visualizer/model/subject.ts';

describe('lists', () => {
  it('offer every layout and operand once', () => {
    const refs = layoutGroups().flatMap(({ options }) => options.map(({ ref }) => ref));
    expect(refs.toSorted()).toEqual([...catalog.map(({ id }) => id), ...MFMA_MAPS.map(mfmaRef)].sort());
    const some = layoutGroups(['weight scale']).flatMap(({ options }) => options.map(({ ref }) => ref));
    expect(some).toEqual(catalog.filter(({ operand }) => operand === 'weight scale').map(({ id }) => id));
  });
  it.each([4, 8, 32])('offer every register map once for %i bits', (bits) => {
    const refs = registerGroups(bits).flatMap(({ options }) => options.map(({ ref }) => ref));
    expect(refs.toSorted()).toEqual([...REGISTER_REFS].sort());
  });
  it('offer every element type once', () => {
    const types = TYPE_GROUPS.flatMap((group) => group.types);
    expect(new Set(types).size).toBe(types.length);
    expect(types.length).toBe(20);
  });
});

describe('parseShape', () => {
  it.each([
    '8,5760,2880',
    '8, 5760, 2880',
    '8 5760 2880',
    '8x5760x2880',
    '8 x 5760 × 2880',
    'E8,N5760,K2880',
    '[8, 5760, 2880]',
    '(8, 5760, 2880)',
  ])('reads %s', (text) => {
    expect(parseShape(text)).toEqual([8, 5760, 2880]);
  });
  it.each([
    ['', 'The shape is empty; write sizes such as 8, 5760, 2880.'],
    ['8, five', '"five" is no size; write positive whole numbers such as 8, 5760, 2880.'],
    ['8, 0', '"0" is no size; write positive whole numbers such as 8, 5760, 2880.'],
    ['8, -1', '"-1" is no size; write positive whole numbers such as 8, 5760, 2880.'],
    ['1.5', '"1.5" is no size; write positive whole numbers such as 8, 5760, 2880.'],
  ])('refuses "%s"', (text, message) => {
    expect(() => parseShape(text)).toThrow(message);
  });
});

describe('fieldsForLayout', () => {
  it.each(MFMA_MAPS.map(mfmaRef))('%s brings its shape and type', (ref) => {
    const { tensor, bits } = bindSubject({ ...DEFAULT_SCENE, ...fieldsForLayout(ref) });
    expect(tensor.layout.shape).toEqual(fieldsForLayout(ref).shape);
    expect(bits).toBe(MFMA_MAPS.find((map) => mfmaRef(map) === ref)?.bits);
  });
  it('changes the layout alone elsewhere', () => {
    expect(fieldsForLayout('row-major')).toEqual({ a: 'row-major' });
  });
});

describe('suggestions', () => {
  it.each(catalog.map(({ id }) => id))('%s: from any rejected scene to one that is shown', (a) => {
    for (const type of ['e2m1', 'e4m3fn', 'f32', 'u64'] as const) {
      const scene: Scene = { ...DEFAULT_SCENE, a, shape: [7, 9, 11, 13], type, experts: 3 };
      let rejected = false;
      try {
        bindSubject(scene);
      } catch {
        rejected = true;
      }
      if (!rejected) continue;
      const offered = suggestions(scene);
      expect(offered.length).toBeGreaterThan(0);
      for (const { fields } of offered) expect(() => bindSubject({ ...scene, ...fields })).not.toThrow();
    }
  });
  it('offer what changes least', () => {
    expect(suggestions({ ...DEFAULT_SCENE, shape: [60, 100] }).map(({ label }) => label)).toEqual([
      'Use the shape 32 × 64',
    ]);
    expect(suggestions({ ...DEFAULT_SCENE, type: 'f32' }).map(({ label }) => label)).toEqual([
      'Use e4m3fn',
      'Use e2m1',
    ]);
    expect(suggestions({ ...DEFAULT_SCENE, a: '(n) -> n', shape: [3, 3] })).toEqual([]);
  });
});

describe('pins', () => {
  const layout = rowMajor([4, 8]);
  it('are one, or several with Shift', () => {
    const one = pinned([], layout, 9, false);
    expect(one).toEqual([[1, 1]]);
    expect(pinned(one, layout, 10, false)).toEqual([[1, 2]]);
    const two = pinned(one, layout, 10, true);
    expect(two).toEqual([
      [1, 1],
      [1, 2],
    ]);
    expect(pinned(two, layout, 9, true)).toEqual([[1, 2]]);
    expect(pinned(one, layout, 9, false)).toEqual([]);
    expect(pinned(two, layout, 9, false)).toEqual([[1, 1]]);
  });
  it('are never padding', () => {
    const scale = shuffleScale([100, 11]);
    expect(pinned([], scale, scale.storageSize - 1, false)).toEqual([]);
  });
  it('stay while the shape has them', () => {
    expect(
      pinsWithin(
        [
          [1, 1],
          [3, 7],
          [1, 2, 3],
        ],
        [2, 8],
      ),
    ).toEqual([[1, 1]]);
  });
});
