import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { catalog } from '../../../src/layout/index.ts';
import { REGISTER_REFS } from '../../../src/visualizer/model/layout-ref.ts';
import { parsePermalink, printPermalink } from '../../../src/visualizer/model/permalink.ts';
import { COLORS, DEFAULT_SCENE, SCREENS, type Scene, VIEWS } from '../../../src/visualizer/model/scene.ts';

const layoutRef = fc.constantFrom(
  ...catalog.map(({ id }) => id),
  'mfma.16x16x128.B.fp4',
  '(n0 n1:16) (k0 k1:32) -> n0 k0 n1 k1',
  'm=(m0 m1:32 | pad 256) (g) -> m0 g m1',
);

const sceneArbitrary: fc.Arbitrary<Scene> = fc.integer({ min: 1, max: 4 }).chain((rank) =>
  fc.record({
    screen: fc.constantFrom(...SCREENS),
    a: layoutRef,
    b: fc.option(layoutRef, { nil: undefined }),
    type: fc.constantFrom(
      'e4m3fn' as const,
      'e2m1' as const,
      'e8m0' as const,
      'f32' as const,
      'u8' as const,
      'i64' as const,
    ),
    shape: fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: rank, maxLength: rank }),
    experts: fc.integer({ min: 1, max: 256 }),
    scale: fc.option(
      fc.record({
        block: fc.tuple(fc.integer({ min: 1, max: 128 }), fc.integer({ min: 1, max: 128 })),
        type: fc.constantFrom('e8m0' as const, 'f32' as const),
        layout: layoutRef,
      }),
      { nil: undefined },
    ),
    registers: fc.constantFrom(...REGISTER_REFS),
    views: fc.subarray([...VIEWS], { minLength: 1 }),
    color: fc.constantFrom(...COLORS),
    line: fc.integer({ min: 1, max: 4096 }),
    step: fc.option(fc.nat(8), { nil: undefined }),
    pins: fc.array(fc.array(fc.nat(1_000_000), { minLength: rank, maxLength: rank }), { maxLength: 4 }),
    file: fc.constantFrom(undefined, 'opened/dump.safetensors'),
    // What ends a value, what browsers rewrite, and letters beyond ASCII.
    topic: fc.option(fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('a&b=c', '100%', 'ü ↔ "<x>"', '#1')), {
      nil: undefined,
    }),
  }),
);

describe('printPermalink and parsePermalink', () => {
  it('are inverse, with and without names of dimensions', () => {
    const names = fc.constantFrom<readonly string[]>([], ['e', 'n', 'k'], ['d0', 'd1'], ['row', 'k']);
    fc.assert(
      fc.property(sceneArbitrary, names, (scene, dims) => {
        const link = printPermalink(scene, dims);
        expect(parsePermalink(link)).toEqual(scene);
        // A browser leaves it as it is.
        expect(new URL(`http://localhost/${link}`).hash).toBe(link);
      }),
      { numRuns: 500 },
    );
  });
  it('leave out what equals the default', () => {
    expect(printPermalink(DEFAULT_SCENE)).toBe('#v=1&screen=atlas');
    expect(parsePermalink('')).toEqual(DEFAULT_SCENE);
    expect(parsePermalink('#')).toEqual(DEFAULT_SCENE);
  });
  it('can be read', () => {
    const scene: Scene = {
      ...DEFAULT_SCENE,
      screen: 'lens',
      b: '(n0 n1:16) (k) -> n0 k n1',
      type: 'e2m1',
      shape: [8, 5760, 2880],
      scale: { block: [1, 32], type: 'e8m0', layout: 'shuffle_scale' },
      registers: 'mfma.16x16x128.B.fp4',
      views: ['logical', 'memory', 'register'],
      color: 'tile',
      pins: [
        [3, 517, 96],
        [0, 0, 1],
      ],
    };
    const link =
      '#v=1&screen=lens&b=(n0.n1:16).(k)~n0.k.n1&dt=e2m1&shape=E8,N5760,K2880&scale=1x32:e8m0:shuffle_scale&' +
      'reg=mfma.16x16x128.B.fp4&view=log,mem,reg&color=tile&sel=e3.n517.k96,e0.n0.k1';
    expect(printPermalink(scene, ['e', 'n', 'k'])).toBe(link);
    expect(parsePermalink(link)).toEqual(scene);
    expect(parsePermalink(link.replaceAll(/[A-Z](?=\d)/g, '').replace('e3.n517.k96', '3.517.96'))).toEqual(scene);
  });
  it('put views in their order', () => {
    expect(parsePermalink('#v=1&view=bank,log').views).toEqual(['logical', 'bank']);
  });
});

describe('parsePermalink refuses', () => {
  it.each([
    ['v=2', 'Permalink: v=2 is a version of another preshuffle; this page reads v=1.'],
    ['screen=home', `Permalink: screen=home is not known; expected one of ${SCREENS.join(', ')}.`],
    ['dt=fp8', 'Permalink: dt=fp8 is not known; expected a type such as e4m3fn, e2m1, e8m0, f32 or u8.'],
    ['dt=toString', 'Permalink: dt=toString is not known; expected a type such as e4m3fn, e2m1, e8m0, f32 or u8.'],
    ['dt=__proto__', 'Permalink: dt=__proto__ is not known; expected a type such as e4m3fn, e2m1, e8m0, f32 or u8.'],
    ['shape=64,x', 'Permalink: shape has "x", expected a number, with or without a name: 96 or k96.'],
    ['shape=', 'Permalink: shape has "", expected a number, with or without a name: 96 or k96.'],
    ['shape=64,0', 'Permalink: shape has "0", expected a positive number.'],
    [
      'shape=99999999999999999999',
      'Permalink: shape has "99999999999999999999", expected a number, with or without a name: 96 or k96.',
    ],
    ['experts=0', 'Permalink: experts has "0", expected a positive number.'],
    ['scale=32', 'Permalink: scale=32, expected such as 1x32:e8m0:shuffle_scale.'],
    ['scale=0x32:e8m0:row-major', 'Permalink: scale has "0", expected a positive number.'],
    ['view=logical', 'Permalink: view=logical is not known; expected one of log, mem, reg, scale, bank.'],
    ['color=red', `Permalink: color=red is not known; expected one of ${COLORS.join(', ')}.`],
    ['line=-1', 'Permalink: line has "-1", expected a number, with or without a name: 96 or k96.'],
    ['step=a', 'Permalink: step has "a", expected a number, with or without a name: 96 or k96.'],
    ['sel=n5.', 'Permalink: sel has "", expected a number, with or without a name: 96 or k96.'],
    ['topic=%E0%A4', 'Permalink: "%E0%A4" is not a valid percent-encoding.'],
  ])('%s', (field, message) => {
    expect(() => parsePermalink(`#v=1&${field}`)).toThrow(message);
  });
});
