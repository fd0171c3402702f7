import { describe, expect, it } from 'vitest';
import { BLOCK_SCALE_KERNELS, SCALE_STATES, type ScaleState } from '../../src/dispatch/kernels.ts';
import { SCALE_HELPERS } from '../../src/dispatch/scale-helpers.ts';
import { mendScale, preferredScaleState, readScaleAsIs, scaleStep } from '../../src/dispatch/scale-state.ts';
import { MiniTensor, outcome, producedScaleTensor, runTorch } from './mini-torch.ts';

const SIZES = [1, 2, 3, 4, 5, 6, 7, 8];
const shapes = SIZES.flatMap((M) => SIZES.map((G) => [M, G] as const));

describe.each(BLOCK_SCALE_KERNELS)('$id', (kernel) => {
  it.each(SCALE_STATES)('says rightly what becomes of a scale in state %s', (state) => {
    for (const [M, G] of shapes) {
      const s = producedScaleTensor(state, M, G);
      expect([M, G, readScaleAsIs(kernel, state, M, G)]).toEqual([M, G, outcome(kernel.id, s, M, G)]);
    }
  });

  it.each(SCALE_STATES)('mends state %s with code that works', (state) => {
    for (const [M, G] of shapes) {
      const step = mendScale(kernel, state, M, G);
      const s = producedScaleTensor(state, M, G);
      const mended = runTorch(step.code, s, M, G);
      expect([M, G, outcome(kernel.id, mended, M, G)]).toEqual([M, G, 'right']);
      // A relabelling shares the buffer; nothing at all is done where nothing need be done.
      if (step.conversion !== 'copy') expect(mended.data).toBe(s.data);
      if (outcome(kernel.id, s, M, G) === 'right') expect(step.conversion).toBe('none');
    }
  });

  it.each(SCALE_STATES)('copies state %s only where no relabelling helps', (state) => {
    for (const [M, G] of shapes) {
      // A square scale with the wrong label gets past the view of CKTile and is then transposed into place: right by mistake.
      if (mendScale(kernel, state, M, G).conversion !== 'copy' || M === G) continue;
      const { data } = producedScaleTensor(state, M, G);
      for (const strides of [
        [G, 1],
        [1, M],
      ]) {
        expect(outcome(kernel.id, new MiniTensor(data, [M, G], strides), M, G)).not.toBe('right');
      }
    }
  });

  it('takes the state that producers should write', () => {
    expect(readScaleAsIs(kernel, preferredScaleState(kernel), 5, 7)).toBe('right');
  });
});

it.each(SCALE_STATES.flatMap((from) => SCALE_STATES.map((to) => [from, to] as const)))(
  'converts %s to %s with code that works',
  (from, to) => {
    for (const [M, G] of shapes) {
      const result = runTorch(scaleStep(from, to).code, producedScaleTensor(from, M, G), M, G);
      expect([...result.data]).toEqual([...producedScaleTensor(to, M, G).data]);
      if (M > 1 && G > 1) expect(result.strides).toEqual(producedScaleTensor(to, M, G).strides);
    }
  },
);

describe('the helpers of SGLang', () => {
  /** The state whose bytes and metadata a tensor has; undefined for a scramble. */
  function stateOf(s: MiniTensor, M: number, G: number): ScaleState | undefined {
    return SCALE_STATES.find((state) => {
      const wanted = producedScaleTensor(state, M, G);
      return (
        wanted.data.every((value, at) => value === s.data[at]) && wanted.strides.every((v, at) => v === s.strides[at])
      );
    });
  }

  it.each(
    SCALE_HELPERS.flatMap((helper) =>
      SCALE_STATES.map((state) => ({ helper, state, name: `${helper.id} on ${state}` })),
    ),
  )('$name gives what the table says', ({ helper, state }) => {
    for (const [M, G] of shapes.filter(([M, G]) => M > 1 && G > 1 && M !== G)) {
      const s = producedScaleTensor(state, M, G);
      if (helper.result[state] === 'throws') {
        expect(() => runTorch(helper.code, s, M, G)).toThrow('view size is not compatible');
        continue;
      }
      const result = runTorch(helper.code, s, M, G);
      expect(stateOf(result, M, G) ?? 'scrambled').toBe(helper.result[state]);
      expect(result.data !== s.data).toBe(helper.copies.includes(state));
    }
  });

  it('T is its own inverse only for square scales', () => {
    const [T] = SCALE_HELPERS.filter(({ id }) => id === 'T');
    for (const [M, G] of shapes.filter(([M, G]) => M > 1 && G > 1)) {
      const rm = producedScaleTensor('RM', M, G);
      const twice = runTorch(T?.code ?? '', runTorch(T?.code ?? '', rm, M, G), M, G);
      expect([M, G, twice.data.every((value, at) => value === rm.data[at])]).toEqual([M, G, M === G]);
    }
  });

  it('shows the example of three groups: a d b e c f, and a e d c b f when done twice', () => {
    // Named row by row: (0,0)=a (0,1)=b (0,2)=c (1,0)=d (1,1)=e (1,2)=f.
    const name = (s: MiniTensor): string =>
      [...s.data].map((v) => 'abcdef'[Math.floor(v / 1000) * 3 + (v % 1000) - 1]).join(' ');
    const rm = producedScaleTensor('RM', 2, 3);
    const T = 's.transpose(-1, -2).contiguous().view(*s.shape)';
    const once = runTorch(T, rm, 2, 3);
    expect(name(rm)).toBe('a b c d e f');
    expect(name(once)).toBe('a d b e c f');
    expect(name(runTorch(T, once, 2, 3))).toBe('a e d c b f');
    expect(name(runTorch('s.view(G, M).transpose(0, 1).contiguous()', once, 2, 3))).toBe('a b c d e f');
  });
});
