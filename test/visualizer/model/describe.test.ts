import { describe, expect, it } from 'vitest';
import { describeElement, elementFacts } from '../../../src/tensor/describe-element.ts';
import { describeCoord, describeKey, describeScale } from '../../../src/visualizer/model/describe.ts';
import { DEFAULT_SCENE, type Scene } from '../../../src/visualizer/model/scene.ts';
import { bindSubject } from '../../../src/visualizer/model/subject.ts';

const experts: Scene = {
  ...DEFAULT_SCENE,
  type: 'e2m1',
  shape: [8, 64, 128],
  scale: { block: [1, 32], type: 'e8m0', layout: 'shuffle_scale' },
};

describe('describeKey', () => {
  it("is the library's line for every element, and says what padding is", () => {
    for (const scene of [
      experts,
      { ...DEFAULT_SCENE, a: 'shuffle_scale', type: 'e8m0', shape: [100, 11] } satisfies Scene,
    ]) {
      const subject = bindSubject(scene);
      const { tensor, scale, registers, bits } = subject;
      for (let key = 0; key < tensor.layout.storageSize; key += 7) {
        const coord = tensor.layout.coord(key);
        const line = describeKey(subject, key);
        if (coord === undefined)
          expect(line).toBe(`padding of S, byte 0x${key.toString(16)}, 16-byte line 0x${(key >> 4).toString(16)}`);
        else {
          expect(line).toBe(describeElement(tensor, elementFacts(tensor, coord, { scale, registers })));
          expect(line).toBe(describeCoord(subject, coord));
        }
      }
      expect(bits).toBeGreaterThan(0);
    }
  });
  it('names the nibble of padding', () => {
    const subject = bindSubject({ ...DEFAULT_SCENE, a: '(n0 n1:4 | pad 16) -> n0 n1', type: 'e2m1', shape: [3] });
    expect(describeKey(subject, 15)).toBe('padding of T, byte 0x7 high nibble, 16-byte line 0x0');
    expect(describeKey(subject, 14)).toBe('padding of T, byte 0x7 low nibble, 16-byte line 0x0');
  });
  it('refuses a pin outside', () => {
    expect(() => describeCoord(bindSubject(experts), [8, 0, 0])).toThrow(
      'shuffle_weight(16,16): coordinate [8, 0, 0] is outside [8, 64, 128] in dimension "e".',
    );
  });
});

describe('describeScale', () => {
  it('is a line about the scale tensor', () => {
    const subject = bindSubject(experts);
    const key = subject.scale?.tensor.layout.offset([70, 3]) ?? -1;
    expect(describeScale(subject, key)).toMatch(
      /^scale\[m=70, g=3\] e8m0 code 0x[0-9a-f]{2} = 2\^-\d+, byte 0x[0-9a-f]+, 16-byte line 0x[0-9a-f]+$/,
    );
  });
  it('tells padding, and nothing without a scale', () => {
    const subject = bindSubject({ ...experts, shape: [1, 32, 64] });
    const { layout } = subject.scale?.tensor ?? subject.tensor;
    expect(layout.coord(layout.storageSize - 1)).toBeUndefined();
    expect(describeScale(subject, layout.storageSize - 1)).toBe(
      `padding of scale, byte 0x${(layout.storageSize - 1).toString(16)}, 16-byte line 0x7f`,
    );
    expect(describeScale(bindSubject(DEFAULT_SCENE), 0)).toBe('');
  });
});
