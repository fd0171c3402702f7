import { describe, expect, it } from 'vitest';
import { loadRegisters, rowMajor, shuffleScale, shuffleWeight } from '../../../src/layout/index.ts';
import { describeElement, elementFacts } from '../../../src/tensor/describe-element.ts';
import { type GoToContext, goTo } from '../../../src/visualizer/model/go-to.ts';
import { resolveRegisters } from '../../../src/visualizer/model/layout-ref.ts';
import { DEFAULT_SCENE } from '../../../src/visualizer/model/scene.ts';
import { bindSubject } from '../../../src/visualizer/model/subject.ts';

const layout = shuffleWeight([8, 5760, 2880], { bits: 4 });
const context: GoToContext = { layout, bits: 4, registers: loadRegisters(16), tile: 2 };
const go = (text: string, over: Partial<GoToContext> = {}): number => goTo(text, { ...context, ...over });

describe('goTo', () => {
  const target = layout.offset([3, 517, 96]);
  it.each([
    'e=3 n=517 k=96',
    'k=96, n=517, e=3',
    'e3.n517.k96',
    'e3 n517 k96',
    '3,517,96',
    '3 517 96',
    ' 3.517.96 ',
    'W[e=3, n=517, k=96]',
    '[3, 517, 96]',
    `offset ${target}`,
    `offset=0x${target.toString(16)}`,
    `byte 0x${(target / 2).toString(16)}`,
    `byte ${target / 2} low`,
    `line 0x${Math.floor(target / 32).toString(16)}`,
  ])('%s', (text) => {
    expect(go(text)).toBe(text.startsWith('line') ? Math.floor(target / 32) * 32 : target);
  });
  it('keeps the dimensions that are not named', () => {
    expect(go('k=97', { current: [3, 517, 96] })).toBe(layout.offset([3, 517, 97]));
    expect(go('n=5 k=7')).toBe(layout.offset([0, 5, 7]));
  });
  it('reads bytes with underscores, and the high nibble', () => {
    expect(go('byte 0x1_2A40')).toBe(0x12a40 * 2);
    expect(go('byte 0x12a40 high')).toBe(0x12a40 * 2 + 1);
    expect(go('Byte 0x12A40 high nibble')).toBe(0x12a40 * 2 + 1);
    expect(goTo('byte 6', { ...context, layout: rowMajor([4, 4]), bits: 32 })).toBe(1);
  });
  it('reads lanes within the tile', () => {
    // Tile 2 of 1024 bytes, lane 37 of 16 bytes, register 2, bits 11 to 8: byte 1, low nibble.
    const expected = (2 * 1024 + 37 * 16 + 2 * 4 + 1) * 2;
    expect(go('lane 37 v2[11:8]')).toBe(expected);
    expect(go('lane 37, v2[11:8]')).toBe(expected);
    expect(go('lane 37 v2')).toBe(expected - 2);
    expect(go('lane 37')).toBe((2 * 1024 + 37 * 16) * 2);
  });
  it('reads lanes of a matrix operand', () => {
    const registers = resolveRegisters('mfma.16x16x32.B.fp8');
    const small = shuffleWeight([32, 64]);
    expect(goTo('lane 17 v1[15:8]', { layout: small, bits: 8, registers, registerBits: 8, tile: 3 })).toBe(
      small.offset([17, 32 + 8 + 4 + 1]),
    );
  });
  it('goes to padding by address', () => {
    const scale = shuffleScale([100, 11]);
    const at = { ...context, layout: scale, bits: 8 };
    expect(scale.coord(goTo(`byte ${scale.storageSize - 1}`, at))).toBeUndefined();
  });
  it('reads the coordinates that hover lines and permalinks print', () => {
    for (const a of ['row-major', 'shuffle_weight(16,16)'] as const) {
      const { tensor } = bindSubject({ ...DEFAULT_SCENE, a });
      const line = describeElement(tensor, elementFacts(tensor, [17, 96]));
      const at = { ...context, layout: tensor.layout, bits: 8 };
      expect(goTo(line.slice(0, line.indexOf(']') + 1), at)).toBe(tensor.layout.offset([17, 96]));
    }
    expect(goTo('d17.d40', { ...context, layout: rowMajor([64, 64]), bits: 8 })).toBe(17 * 64 + 40);
    expect(goTo('d0=17 d1=40', { ...context, layout: rowMajor([64, 64]), bits: 8 })).toBe(17 * 64 + 40);
  });
});

describe('goTo refuses', () => {
  const forms = 'n=517 k=96, e3.n517.k96, 517,96, byte 0x12a40, offset 1234, line 0x12a4 or lane 37 v2';
  it.each([
    ['', `Nothing to go to; write ${forms}.`],
    ['  ', `Nothing to go to; write ${forms}.`],
    ['home', `"home" is no place; write ${forms}.`],
    ['n=517 96', `"n=517 96" is no place; write ${forms}.`],
    ['n=-1', `"n=-1" is no place; write ${forms}.`],
    ['byte 0xzz', `"byte 0xzz" is no place; write ${forms}.`],
    ['m=5', 'There is no dimension "m"; the layout has e, n, k.'],
    ['m5', 'There is no dimension "m"; the layout has e, n, k.'],
    ['n=5 n=6', 'The dimension n is given twice.'],
    ['n=5760', 'n=5760 is outside 0 to 5759.'],
    ['8,0,0', 'e=8 is outside 0 to 7.'],
    ['517,96', '2 indices, but the layout has 3 dimensions: e, n, k.'],
    ['517', '1 index, but the layout has 3 dimensions: e, n, k.'],
    ['1,2,3,4', '4 indices, but the layout has 3 dimensions: e, n, k.'],
    ['byte 0x3f48500', 'Byte 0x3f48500 is outside the tensor of 66355200 bytes, padding included.'],
    ['offset 132710400', 'Offset 132710400 is outside the tensor of 132710400 elements, padding included.'],
    ['line 0x3f4850', '16-byte line 0x3f4850 is outside the tensor of 4147200 lines.'],
    ['lane 64', 'Lane 64 does not exist; a wave has lanes 0 to 63.'],
    ['lane 3 v4', 'v4 does not exist; "wave load, 16 bytes a lane" has v0 to v3.'],
    ['lane 3 v1[35:32]', 'Bit 32 does not exist; a register has bits 0 to 31.'],
  ])('"%s"', (text, message) => {
    expect(() => go(text)).toThrow(message);
  });
  it('registers that hold nothing', () => {
    expect(() => goTo('lane 63 v0', { ...context, layout: rowMajor([5, 7]), bits: 8, tile: 0 })).toThrow(
      'Lane 63 v0 holds no element of tile 0.',
    );
    expect(() => go('lane 1 v1', { registers: loadRegisters(4) })).toThrow(
      'v1 does not exist; "wave load, 4 bytes a lane" has v0 alone.',
    );
  });
});
