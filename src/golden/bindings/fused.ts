import { scaleColumnMajor, scaleTransposedView } from '../../layout/activation-scale.ts';
import { rowMajor } from '../../layout/plain.ts';
import { shuffleScale } from '../../layout/scales.ts';
import type { NormScaleStore, NormScaleType } from '../../ops/add-rmsnorm-quant.ts';
import type { CaseReader } from '../case-reader.ts';
import { check, type Expectation } from '../check.ts';
import type { Binding } from './binding.ts';

const SOURCES = ['bf16', 'f16'] as const;
const FP8 = ['e4m3fn', 'e4m3fnuz'] as const;
const ROUNDINGS = ['nearest-even', 'truncate'] as const;

/** Under which safetensors types a file may hold e8m0 bytes. */
const BYTES: readonly string[] = ['U8', 'F8_E8M0'];

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

/**
 * As above, but the transposed scale is a contiguous view (TV). The source sums on a GPU, so everything but the residual has a
 * bound. `x2`, `w2` and `y2`: the second input, which is normalised only, with `eps2`.
 */
const rms: Binding = async (reader) => {
  const [rows = 1, columns = 1] = reader.counts('shape', 2);
  const group = reader.count('group', 128);
  const eps = reader.number('eps');
  const type = reader.string('src', SOURCES, 'bf16');
  const shape = [rows, columns];
  const scales = [rows, Math.ceil(columns / group)];
  const x = await reader.tensor('x', type, { shape });
  const w = await reader.tensor('w', type, { shape: [columns] });
  const residual = reader.flag('residual') ? { r: await reader.tensor('r', type, { shape }) } : {};
  const second = reader.has('x2') ? await secondInput(reader, rows, type) : undefined;
  const eps2 = reader.number('eps2', eps);
  const run = async (index: 0 | 1) => {
    const expect: (Expectation & { readonly output: 'y' | 'scale' | 'norm' | 'res_out' | 'y2' })[] = [
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
    if (index === 0 && second !== undefined) expect.push({ output: 'y2', expected: second.y2, compare: 'bound' });
    const params = { eps, eps2, group, scaleStore: index === 0 ? 'row-major' : 'transposed-view' } as const;
    return check(
      index === 0 ? 'plain' : 'transposed scale',
      'fused_rms_fp8_group_quant',
      params,
      { x, w, ...residual, ...second?.operands },
      expect,
    );
  };
  return [await run(0), ...(reader.has('scale1') ? [await run(1)] : [])];
};

async function secondInput(reader: CaseReader, rows: number, type: (typeof SOURCES)[number]) {
  const columns = reader.info('x2').shape.at(-1) ?? 1;
  return {
    operands: {
      x2: await reader.tensor('x2', type, { shape: [rows, columns] }),
      w2: await reader.tensor('w2', type, { shape: [columns] }),
    },
    y2: await reader.tensor('y2', type, { shape: [rows, columns] }),
  };
}

/**
 * AITER's HIP kernels, with a residual `r` and `res_out` or without. `scale` is the buffer that the kernel wrote: one f32 a
 * row, or with a `group` one f32 or e8m0 byte a group, in the order that `shuffle_scale` gives it.
 */
function hipNorm(residual: boolean): Binding {
  return async (reader) => {
    const type = reader.string('src', SOURCES, 'bf16');
    const format = reader.string('format', FP8, 'e4m3fn');
    const x = await reader.tensor('x', type);
    const { shape } = x.layout;
    const columns = shape.at(-1) ?? 1;
    const w = await reader.tensor('w', type, { shape: [columns] });
    const group = reader.number('group', 0);
    const scaleType = group !== 0 && BYTES.includes(reader.info('scale').dtype) ? 'e8m0' : 'f32';
    const scaleStore = storeOf(reader.flag('shuffle_scale'), group, scaleType);
    const matrix = [x.layout.size / columns, group > 0 ? Math.ceil(columns / group) : 1];
    const scaleLayout = {
      'row-major': rowMajor([...shape.slice(0, -1), matrix[1] ?? 1]),
      'transposed-view': scaleTransposedView(matrix),
      shuffled: shuffleScale(matrix),
    };
    const params = {
      eps: reader.number('eps', 1e-6),
      group,
      format,
      gemmaNorm: reader.flag('gemma_norm'),
      scaleStore,
      scaleType,
      residualRounding: reader.string('residual_rounding', ROUNDINGS, 'nearest-even'),
    } as const;
    const y = await reader.tensor('y', format, { shape });
    const scale = await reader.tensor('scale', scaleType, { layout: scaleLayout[scaleStore], scaling: scaleType });
    const expect: (Expectation & { readonly output: 'y' | 'scale' | 'res_out' })[] = [
      { output: 'y', expected: y, compare: 'bound' },
      { output: 'scale', expected: scale, compare: 'bound' },
    ];
    if (!residual) return [check('norm', 'add_rmsnorm_quant', params, { x, w }, expect)];
    const r = await reader.tensor('r', type, { shape });
    if (reader.has('res_out')) {
      expect.push({ output: 'res_out', expected: await reader.tensor('res_out', type, { shape }), compare: 'exact' });
    }
    return [check('sum and norm', 'add_rmsnorm_quant', params, { x, w, r }, expect)];
  };
}

/** What `shuffle_scale` means for these scales; one scale a row has no order. */
function storeOf(shuffle: boolean, group: number, scaleType: NormScaleType): NormScaleStore {
  if (!shuffle || group === 0) return 'row-major';
  return scaleType === 'e8m0' && group === 32 ? 'shuffled' : 'transposed-view';
}

/** x holds the gate half and then the up half of every row; the scale lies row-major. */
const actMul: Binding = async (reader) => {
  const group = reader.count('group', 128);
  const format = reader.string('format', ['e4m3fn', 'e4m3fnuz'], 'e4m3fn');
  const x = await reader.tensor('x', reader.string('src', ['bf16', 'f16', 'f32'], 'bf16'));
  const shape = x.layout.shape.with(-1, (x.layout.shape.at(-1) ?? 0) / 2);
  const y = await reader.tensor('y', format, { shape });
  const scale = await reader.tensor('scale', 'f32', { scaling: 'f32' });
  const activation = reader.string('activation', ['silu'], 'silu');
  return [
    check('activated and quantised', 'act_mul_and_fp8_group_quant', { activation, group, format }, { x }, [
      { output: 'y', expected: y, compare: 'bound' },
      { output: 'scale', expected: scale, compare: 'bound' },
    ]),
  ];
};

export const fusedBindings: Readonly<Record<string, Binding>> = {
  act_mul_and_fp8_group_quant: actMul,
  add_rmsnorm_quant: hipNorm(true),
  fused_flatten_fp8_group_quant: flatten,
  fused_rms_fp8_group_quant: rms,
  rmsnorm_quant: hipNorm(false),
};
