import { describe, expect, it } from 'vitest';
import { elementsOfScale, scaleGrid, scaleKeyOf } from '../../../../src/visualizer/model/grids/index.ts';
import { DEFAULT_SCENE, type Scene } from '../../../../src/visualizer/model/scene.ts';
import { bindSubject } from '../../../../src/visualizer/model/subject.ts';
import { allKeys, elementKeys, gridProblems } from './support.ts';

const scenes: readonly (readonly [string, Partial<Scene>])[] = [
  [
    '1x32, experts folded',
    { type: 'e2m1', shape: [2, 64, 128], scale: { block: [1, 32], type: 'e8m0', layout: 'shuffle_scale' } },
  ],
  [
    '1x32, experts kept',
    { type: 'e2m1', shape: [2, 64, 128], scale: { block: [1, 32], type: 'e8m0', layout: 'row-major' } },
  ],
  [
    '128x128, ragged',
    { a: 'row-major', shape: [200, 300], scale: { block: [128, 128], type: 'f32', layout: 'row-major' } },
  ],
  [
    '1x128, transposed',
    { a: 'row-major', shape: [5, 640], scale: { block: [1, 128], type: 'f32', layout: 'scale-cm' } },
  ],
];

describe.each(scenes)('scales %s', (_, fields) => {
  const { tensor, scale } = bindSubject({ ...DEFAULT_SCENE, ...fields });
  if (scale === undefined) throw new Error('the scene has a scale');
  it('are drawn once in either order', () => {
    expect(gridProblems(scaleGrid(scale, 'logical', 64), elementKeys(scale.tensor.layout))).toEqual([]);
    expect(gridProblems(scaleGrid(scale, 'memory', 64), allKeys(scale.tensor.layout))).toEqual([]);
  });
  it('share out the elements: each belongs to one scale, and that scale lists it', () => {
    const owner = new Map<number, number>();
    for (const scaleKey of allKeys(scale.tensor.layout)) {
      const elements = elementsOfScale(tensor.layout, scale, scaleKey);
      if (scale.tensor.layout.coord(scaleKey) === undefined) expect(elements.size).toBe(0);
      for (const key of elements) {
        expect(owner.has(key)).toBe(false);
        owner.set(key, scaleKey);
      }
    }
    expect(owner.size).toBe(tensor.layout.size);
    for (const [key, scaleKey] of owner) expect(scaleKeyOf(tensor.layout, scale, key)).toBe(scaleKey);
  });
});

it('padding has no scale', () => {
  const { tensor, scale } = bindSubject({
    ...DEFAULT_SCENE,
    a: 'shuffle_scale',
    type: 'e8m0',
    shape: [100, 11],
    scale: { block: [1, 32], type: 'e8m0', layout: 'row-major' },
  });
  if (scale === undefined) throw new Error('the scene has a scale');
  const padding = [...allKeys(tensor.layout)].find((key) => tensor.layout.coord(key) === undefined) ?? -1;
  expect(scaleKeyOf(tensor.layout, scale, padding)).toBeUndefined();
  expect(scaleKeyOf(tensor.layout, scale, -1)).toBeUndefined();
});
