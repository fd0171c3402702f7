import { describe, expect, it } from 'vitest';
import { catalog } from '../../../src/layout/index.ts';
import { addressCode } from '../../../src/tensor/address-coded.ts';
import { elementFacts } from '../../../src/tensor/describe-element.ts';
import { scaleSubject } from '../../../src/visualizer/model/scale-subject.ts';
import { DEFAULT_SCENE, type Scene } from '../../../src/visualizer/model/scene.ts';
import { bindSubject } from '../../../src/visualizer/model/subject.ts';

const bind = (fields: Partial<Scene>) => bindSubject({ ...DEFAULT_SCENE, ...fields });

describe('bindSubject', () => {
  it('codes every element with its logical address, wherever the layout puts it', () => {
    const { tensor } = bind({});
    for (const coord of [
      [0, 0],
      [17, 96],
      [63, 127],
    ] as const) {
      expect(tensor.codeAt(tensor.layout.offset(coord))).toBe(addressCode('e4m3fn', coord[0] * 128 + coord[1]));
    }
  });
  it('gives padding the code zero', () => {
    const { tensor } = bind({ a: 'shuffle_scale', type: 'e8m0', shape: [100, 11] });
    const { layout } = tensor;
    const padding = Array.from({ length: layout.storageSize }, (_, key) => key).filter(
      (key) => layout.coord(key) === undefined,
    );
    expect(new Set(padding.map((key) => tensor.codeAt(key)))).toEqual(new Set([0]));
  });
  it.each([
    ['shuffle_weight(16,16)', 'W', 'e4m3fn', [64, 128]],
    ['shuffle_scale', 'S', 'e8m0', [100, 11]],
    ['scale-tv', 'S', 'f32', [5, 7]],
    ['shuffle_mxfp8fp4_a', 'X', 'e4m3fn', [4, 256]],
    ['row-major', 'T', 'f32', [4, 4]],
    ['mfma.32x32x64.A.fp4', 'A', 'e2m1', [1]],
    ['(a b:4) -> b a', 'T', 'u8', [8]],
  ] as const)('%s is called %s', (a, name, type, shape) => {
    expect(bind({ a, type, shape: [...shape] }).tensor.name).toBe(name);
  });
  it('takes codes and name from a file', () => {
    const data = {
      name: 'w2',
      codeAt: (offset: number) => offset % 7,
      scaleCodeAt: (offset: number) => 120 + (offset % 3),
    };
    const scene: Scene = { ...DEFAULT_SCENE, scale: { block: [1, 32], type: 'e8m0', layout: 'row-major' } };
    const subject = bindSubject(scene, data);
    expect([subject.tensor.name, subject.tensor.codeAt(9)]).toEqual(['w2', 2]);
    expect(subject.scale?.tensor.codeAt(4)).toBe(121);
    const { scaleCodeAt: _, ...without } = data;
    expect(bindSubject(scene, without).scale?.tensor.codeAt(0)).toBe(addressCode('e8m0', 0));
  });
  it('binds the example of every layout without a warning it does not earn', () => {
    const warned = catalog
      .filter(({ id, example }) => {
        const subject = bind({ a: id, shape: example });
        expect(subject.resolved.layout.shape).toEqual(example);
        return subject.warnings.length > 0;
      })
      .map(({ id }) => id);
    expect(warned).toEqual([]);
  });
  it('passes on warnings', () => {
    expect(bind({ type: 'e2m1', shape: [8, 5760, 2880] }).warnings.map(({ code }) => code)).toEqual(['ck-k64']);
    expect(
      bind({ a: 'shuffle_scale', type: 'e8m0', shape: [96, 8], experts: 2 }).warnings.map(({ code }) => code),
    ).toEqual(['rows-per-expert-32']);
  });
});

describe('scales of a subject', () => {
  const fp4 = { type: 'e2m1', shape: [2, 64, 128] } as const;
  it('are a matrix of all experts where the layout is one for weight scales', () => {
    const { scale } = bind({
      ...fp4,
      scale: { block: [1, 32], type: 'e8m0', layout: 'shuffle_scale(guinterleave,gate_up)' },
    });
    expect([scale?.block, scale?.tensor.layout.shape]).toEqual([
      [1, 1, 32],
      [128, 4],
    ]);
  });
  it('keep the dimensions of the weight elsewhere', () => {
    const { scale } = bind({ ...fp4, scale: { block: [1, 32], type: 'e8m0', layout: 'row-major' } });
    expect(scale?.tensor.layout.shape).toEqual([2, 64, 4]);
    const ragged = bind({
      a: 'row-major',
      shape: [200, 300],
      scale: { block: [128, 128], type: 'f32', layout: 'row-major' },
    });
    expect(ragged.scale?.tensor.layout.shape).toEqual([2, 3]);
  });
  it('follow the shape of a matrix operand', () => {
    const { scale } = bind({
      a: 'mfma.16x16x128.B.fp4',
      type: 'e2m1',
      shape: [64, 64],
      scale: { block: [1, 32], type: 'e8m0', layout: 'row-major' },
    });
    expect(scale?.tensor.layout.shape).toEqual([16, 4]);
  });
  it('give facts for every element', () => {
    const { tensor, scale } = bind({ ...fp4, scale: { block: [1, 32], type: 'e8m0', layout: 'shuffle_scale' } });
    const facts = elementFacts(tensor, [1, 63, 127], { scale });
    expect(facts.scale?.coord).toEqual([127, 3]);
    expect(facts.dequantised).toBe(facts.value * (facts.scale?.value ?? 0));
  });
  it('are rejected with the reason of their layout', () => {
    expect(() =>
      bind({ shape: [48, 96], a: 'row-major', scale: { block: [1, 32], type: 'e8m0', layout: 'shuffle_scale_n32k4' } }),
    ).toThrow(/shuffle_scale_n32k4 does not accept shape \[48, 3\]/);
    expect(() =>
      bind({ a: '(n0 n1:4) -> n1 n0', shape: [32], scale: { block: [1, 32], type: 'e8m0', layout: 'shuffle_scale' } }),
    ).toThrow(/does not accept shape \[1\]/);
  });
  it('are subjects of their own', () => {
    const subject = bind({ ...fp4, scale: { block: [1, 32], type: 'e8m0', layout: 'shuffle_scale' } });
    const own = scaleSubject(subject);
    expect(own?.tensor).toBe(subject.scale?.tensor);
    expect([own?.bits, own?.scale]).toEqual([8, undefined]);
    expect(scaleSubject(bind(fp4))).toBeUndefined();
  });
});
