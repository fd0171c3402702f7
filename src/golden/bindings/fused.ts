import { scaleColumnMajor, scaleTransposedView } from '../../layout/activation-scale.ts';
import { check, type Expectation } from '../check.ts';
import type { Binding } from './binding.ts';

const SOURCES = ['bf16', 'f16'] as const;

/**
 * `scale0`, `y0`: plain; `scale1`, `y1`: transpose_scale=True, the scale stored as its physical [G, M] buffer (CM). The source divides on a
 * GPU, so both have a bound.
 */
const flatten: Binding = async (reader) => {
  const [tokens = 1, heads = 1, size = 1] = reader.counts('shape', 3);
  const group = reader.count('group', 128);
  const x = await reader.tensor('x', reader.string('src', SOURCES, 'bf16'), { shape: [tokens, heads, size] });
  const shape = [tokens, heads * size];
  const scales = [tokens, (heads * size) / group];
  const run = async (index: 0 | 1) => {
    const y = await reader.tensor(`y${index}`, 'e4m3fn', { shape });
    const how = index === 0 ? { shape: scales } : { layout: scaleColumnMajor(scales) };
    const scale = await reader.tensor(`scale${index}`, 'f32', how);
    return check(
      index === 0 ? 'plain' : 'transposed scale',
      'fused_flatten_fp8_group_quant',
      { group, scaleStore: index === 0 ? 'row-major' : 'column-major' },
      { x },
      [
        { output: 'y', expected: y, compare: 'bound' },
        { output: 'scale', expected: scale, compare: 'bound' },
      ],
    );
  };
  return [await run(0), ...(reader.has('scale1') ? [await run(1)] : [])];
};

/** As above, but the transposed scale is a contiguous view (TV). The source sums on a GPU, so everything but the residual has a bound. */
const rms: Binding = async (reader) => {
  const [rows = 1, columns = 1] = reader.counts('shape', 2);
  const group = reader.count('group', 128);
  const eps = reader.number('eps');
  const type = reader.string('src', SOURCES, 'bf16');
  const shape = [rows, columns];
  const scales = [rows, columns / group];
  const x = await reader.tensor('x', type, { shape });
  const w = await reader.tensor('w', type, { shape: [columns] });
  const residual = reader.flag('residual') ? { r: await reader.tensor('r', type, { shape }) } : {};
  const run = async (index: 0 | 1) => {
    const expect: (Expectation & { readonly output: 'y' | 'scale' | 'norm' | 'res_out' })[] = [
      { output: 'y', expected: await reader.tensor(`y${index}`, 'e4m3fn', { shape }), compare: 'bound' },
      {
        output: 'scale',
        expected: await reader.tensor(
          `scale${index}`,
          'f32',
          index === 0 ? { shape: scales } : { layout: scaleTransposedView(scales) },
        ),
        compare: 'bound',
      },
    ];
    if (index === 0 && reader.has('norm')) {
      expect.push({ output: 'norm', expected: await reader.tensor('norm', type, { shape }), compare: 'bound' });
    }
    if (index === 0 && reader.has('res_out')) {
      expect.push({ output: 'res_out', expected: await reader.tensor('res_out', type, { shape }), compare: 'exact' });
    }
    const params = { eps, group, scaleStore: index === 0 ? 'row-major' : 'transposed-view' } as const;
    return check(
      index === 0 ? 'plain' : 'transposed scale',
      'fused_rms_fp8_group_quant',
      params,
      { x, w, ...residual },
      expect,
    );
  };
  return [await run(0), ...(reader.has('scale1') ? [await run(1)] : [])];
};

export const fusedBindings: Readonly<Record<string, Binding>> = {
  fused_flatten_fp8_group_quant: flatten,
  fused_rms_fp8_group_quant: rms,
};
