import { describe, expect, it } from 'vitest';
import { findMfma, SceneError } from '../../../src/visualizer/model/layout-ref.ts';
import { parsePermalink, printPermalink } from '../../../src/visualizer/model/permalink.ts';
import { RUN_EXAMPLES } from '../../../src/visualizer/model/run-examples.ts';
import {
  checkSpec,
  defaultSpec,
  exampleOf,
  isMistaken,
  layoutsIn,
  type RunSpec,
  sceneOf,
  specOf,
  specText,
} from '../../../src/visualizer/model/run-spec.ts';
import { DEFAULT_SCENE, type Scene } from '../../../src/visualizer/model/scene.ts';

const scene = (fields: Partial<Scene>): Scene => ({ ...DEFAULT_SCENE, screen: 'run', ...fields });
const read = (hash: string): RunSpec => specOf(parsePermalink(hash));

describe('specOf', () => {
  it.each(RUN_EXAMPLES.map((example) => [example.id, example] as const))(
    '%s comes back from its link',
    (_, example) => {
      const spec = defaultSpec(example);
      checkSpec(spec);
      expect(isMistaken(spec)).toBe(false);
      const changed = {
        ...spec,
        options: Object.fromEntries(
          example.options.map((option) => [
            option.id,
            option.kind === 'number' ? option.min : option.choices.at(-1)!.value,
          ]),
        ),
      };
      for (const one of [spec, changed]) {
        const back = read(printPermalink(scene(sceneOf(one))));
        expect({ ...back, from: '', to: '' }).toEqual({ ...one, from: '', to: '' });
        expect(layoutsIn(back)).toMatchObject({ from: layoutsIn(one).from, to: layoutsIn(one).to });
        checkSpec(back);
      }
    },
  );

  it('takes the usual sizes and type for what a short link leaves out', () => {
    expect(read('#v=1&screen=run&topic=gemm_a4w4_bpreshuffle')).toEqual({
      ...defaultSpec(exampleOf('gemm_a4w4_bpreshuffle')),
      shape: [64, 128],
    });
    expect(read('#v=1&screen=run&topic=fused_moe_mxfp4').shape).toEqual([8, 256, 128]);
    expect(read('#v=1&screen=run&topic=mxfp8_quant(mode=Even)')).toMatchObject({
      type: 'bf16',
      options: { mode: 'Even', math: 'torch' },
    });
  });

  it('permutes a scene of another screen from row-major, or from a to b', () => {
    expect(specOf(scene({ a: 'shuffle_weight_NK' }))).toMatchObject({ from: 'row-major', to: 'shuffle_weight_NK' });
    expect(specOf(scene({ a: 'column-major', b: 'row-major' }))).toMatchObject({
      from: 'column-major',
      to: 'row-major',
    });
  });

  it('sees a mistake in the layouts of a link', () => {
    const link = '#v=1&screen=run&topic=gemm_a8w8_blockscale_bpreshuffle&a=row-major&b=shuffle_weight(16,16)';
    expect(isMistaken(read(link))).toBe(true);
    expect(isMistaken(read(link.replace('&b=shuffle_weight(16,16)', '')))).toBe(false);
  });

  it.each([
    ['topic=nothing', 'Example "nothing" is not known; there are permute, '],
    ['topic=mxfp8_quant(speed=9)', 'mxfp8_quant: option "speed" is not known; there are mode, math, format, values.'],
  ])('refuses %s', (part, message) => {
    expect(() => read(`#v=1&screen=run&${part}`)).toThrow(SceneError);
    expect(() => read(`#v=1&screen=run&${part}`)).toThrow(message);
  });
});

describe('checkSpec', () => {
  const gemm = defaultSpec(exampleOf('gemm_a8w8_blockscale_bpreshuffle'));
  it.each([
    [{ shape: [16, 33] }, 'K (input features) is 33, expected 32 to 4096 in steps of 32.'],
    [{ shape: [16] }, 'w has the sizes N, K; [16] was given.'],
    [{ type: 'f32' }, 'w is e4m3fn, e4m3fnuz; f32 was given.'],
    [{ options: { M: 0, out: 'bf16' } }, 'Rows of x (M) is 0, expected 1 to 512.'],
    [{ options: { M: 1, out: 'f64' } }, 'Result is "f64", expected one of bf16, f16, f32.'],
    [{ shape: [4096, 4096] }, '285,212,672 products are more than the 33,554,432 that a software adapter manages'],
    [{ from: 'shuffle_scale', shape: [16, 32] }, 'a weight in shuffle_scale takes 8192 elements of memory'],
  ] as const)('refuses %j', (fields, message) => {
    expect(() => checkSpec({ ...gemm, ...fields } as RunSpec)).toThrow(message);
  });

  it('passes on what a layout says about a shape', () => {
    expect(() => checkSpec({ ...defaultSpec(exampleOf('permute')), shape: [17, 64] })).toThrow('shuffle_weight');
  });

  it('takes matrix operands', () => {
    const from = 'mfma.16x16x128.B.fp4';
    const { shape } = findMfma(from)!.layout;
    checkSpec({ ...defaultSpec(exampleOf('permute')), from, to: 'row-major', shape, type: 'e2m1' });
  });
});

describe('layoutsIn', () => {
  it('names the layout that a mistake leaves gate and up weights in', () => {
    const spec = defaultSpec(exampleOf('fused_moe_mxfp4'));
    const stored = (wrong: string, gate: string): string =>
      layoutsIn({ ...spec, options: { ...spec.options, wrong, gate } }).from;
    expect(stored('none', 'separated')).toBe('shuffle_weight(16,16)');
    expect(stored('other-gate-mode', 'separated')).toBe('shuffle_weight(guinterleave,gate_up)');
    expect(stored('deinterleave-forgotten', 'interleave')).toBe(
      'gate_up_interleaved+shuffle_weight(guinterleave,gate_up)',
    );
    expect(stored('shuffle-dropped', 'interleave')).toBe('row-major');
  });
});

it('says a run in few words', () => {
  expect(RUN_EXAMPLES.map((example) => specText(defaultSpec(example)))).toEqual([
    '[64, 128] e4m3fn row-major → shuffle_weight(16,16)',
    'M=64 K=512 bf16',
    'M=64 K=512 bf16',
    'M=64 K=512 bf16',
    'M=64 K=512 bf16',
    'N=256 K=256 e4m3fn M=17',
    'N=256 K=256 e4m3fn M=17',
    'N=256 K=256 e2m1 M=17',
    'T=64 E=128 f32 topk=4',
    'E=8 R=256 K=128 e2m1 T=8 topk=2',
  ]);
});
