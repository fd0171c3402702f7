import { scaleTmaAligned, scaleTransposedView } from '../../layout/activation-scale.ts';
import type { Layout } from '../../layout/layout.ts';
import { permute } from '../../layout/permute.ts';
import { shuffleScale } from '../../layout/scales.ts';
import { shuffleWeight } from '../../layout/weights.ts';
import { assume, tensor } from '../../tensor/make.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type CaseReader, sameShape } from '../case-reader.ts';
import { check, type Expectation, type GoldenCheck } from '../check.ts';
import type { Binding } from './binding.ts';

const OUTPUTS = ['bf16', 'f16', 'f32'] as const;
const MATHS = [
  'exact',
  'ck',
  'triton',
  'triton-unfused',
  'triton-preshuffle',
  'triton-preshuffle-unfused',
  'asm',
] as const;
const ROW_MATHS = ['exact', 'ck', 'flydsl'] as const;
const ROUNDINGS = ['nearest-even', 'truncate'] as const;
const FP8 = ['e4m3fn', 'e4m3fnuz'] as const;

interface Sizes {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly groups: number;
  readonly columnBlocks: number;
}

function sizes(reader: CaseReader): Sizes {
  const [M, N, K] = [reader.count('M'), reader.count('N'), reader.count('K')];
  const [blockN = 128, blockK = 128] = reader.counts('block', 2, [128, 128]);
  return { M, N, K, groups: Math.ceil(K / blockK), columnBlocks: Math.ceil(N / blockN) };
}

function mathOf(reader: CaseReader) {
  return {
    block: reader.counts('block', 2, [128, 128]) as [number, number],
    out: reader.string('out', OUTPUTS, 'bf16'),
    math: reader.string('math', MATHS, 'exact'),
    rounding: reader.string('rounding', ROUNDINGS, 'nearest-even'),
  };
}

/** A result whose float32 order the case names is reproduced to the bit by the CPU; other backends are held to the bound. */
function expected(tensor: Tensor): Expectation & { readonly output: 'y' } {
  return { output: 'y', expected: tensor, compare: 'bound', dims: ['m', 'n'] };
}

/**
 * Plain operands with up to three results: `y_f64` (exact), `y_triton` and `y`; and, with `w_shuffled`, the shuffle of the weight and
 * the same product from preshuffled operands.
 */
const blockscale: Binding = async (reader) => {
  const { M, N, K, groups, columnBlocks } = sizes(reader);
  const format = reader.string('format', FP8, 'e4m3fn');
  const params = mathOf(reader);
  const x = await reader.tensor('x', format, { shape: [M, K] });
  const w = await reader.tensor('w', format, { shape: [N, K] });
  const xScale = await reader.tensor('x_scale', 'f32', { shape: [M, groups] });
  const wScale = await reader.tensor('w_scale', 'f32', { shape: [columnBlocks, groups] });
  const results: (Expectation & { readonly output: 'y' })[] = [];
  if (reader.has('y_f64')) results.push(expected(await reader.tensor('y_f64', 'f64', { shape: [M, N] })));
  for (const name of ['y_triton', 'y']) {
    if (reader.has(name)) results.push(expected(await reader.tensor(name, params.out, { shape: [M, N] })));
  }
  if (results.length === 0)
    throw reader.fail('none of the tensors "y_f64", "y_triton", "y" is there; the case has nothing to compare with.');
  const checks: GoldenCheck[] = [
    check('row-major', 'gemm_a8w8_blockscale', params, { x, w, x_scale: xScale, w_scale: wScale }, results),
  ];
  if (!reader.has('w_shuffled')) return checks;
  const to = shuffleWeight([N, K], { bits: 8 });
  const shuffled = await reader.tensor('w_shuffled', format, { layout: to });
  checks.push(
    check('w_shuffled', 'permute', { to }, { x: w }, [{ output: 'y', expected: shuffled, compare: 'exact' }]),
  );
  const transposed = scaleTransposedView([M, groups]);
  const xScaleTransposed = assume(
    { ...xScale, bytes: permute(xScale.bytes, xScale.layout, transposed, 32) },
    { type: 'f32', layout: transposed },
  );
  checks.push(
    check(
      'bpreshuffle',
      'gemm_a8w8_blockscale_bpreshuffle',
      params,
      { x, w: shuffled, x_scale: xScaleTransposed, w_scale: wScale },
      results,
    ),
  );
  return checks;
};

/** Preshuffled weight; x_scale is stored as [K / 128, M]. */
const bpreshuffle: Binding = async (reader) => {
  const { M, N, K, groups, columnBlocks } = sizes(reader);
  const format = reader.string('format', FP8, 'e4m3fn');
  const params = mathOf(reader);
  const operands = {
    x: await reader.tensor('x', format, { shape: [M, K] }),
    w: await reader.tensor('w_shuffled', format, { layout: shuffleWeight([N, K], { bits: 8 }) }),
    x_scale: await reader.tensor('x_scale', 'f32', { layout: scaleTransposedView([M, groups]) }),
    w_scale: await reader.tensor('w_scale', 'f32', { shape: [columnBlocks, groups] }),
  };
  const y = await reader.tensor('y', params.out, { shape: [M, N] });
  return [check('y', 'gemm_a8w8_blockscale_bpreshuffle', params, operands, [expected(y)])];
};

/** MXFP4 by MXFP4: packed preshuffled weight, both scales shuffled and padded. */
const a4w4: Binding = async (reader) => {
  const [M, N, K] = [reader.count('M'), reader.count('N'), reader.count('K')];
  const params = {
    out: reader.string('out', OUTPUTS, 'bf16'),
    rounding: reader.string('rounding', ROUNDINGS, 'nearest-even'),
  };
  const operands = {
    x: await reader.tensor('x', 'e2m1', { shape: [M, K] }),
    w: await reader.tensor('w_shuffled', 'e2m1', { layout: shuffleWeight([N, K], { bits: 4 }) }),
    x_scale: await reader.tensor('x_scale_shuffled', 'e8m0', { layout: shuffleScale([M, K / 32]), scaling: 'e8m0' }),
    w_scale: await reader.tensor('w_scale_shuffled', 'e8m0', { layout: shuffleScale([N, K / 32]), scaling: 'e8m0' }),
  };
  const y = await reader.tensor('y', params.out, { shape: [M, N] });
  return [check('y', 'gemm_a4w4_bpreshuffle', params, operands, [expected(y)])];
};

/**
 * Preshuffled weight (`w_shuffled`, or `w` to be shuffled here), one scale a row of x and of w. The weight may have more
 * columns than K. Results: `y`, `y_f64` (exact), or both.
 */
const rowScaled: Binding = async (reader) => {
  const [M, N, K] = [reader.count('M'), reader.count('N'), reader.count('K')];
  const format = reader.string('format', FP8, 'e4m3fn');
  const params = {
    out: reader.string('out', OUTPUTS, 'bf16'),
    math: reader.string('math', ROW_MATHS, 'exact'),
    rounding: reader.string('rounding', ROUNDINGS, 'nearest-even'),
  };
  const columns = reader.info(reader.has('w_shuffled') ? 'w_shuffled' : 'w').shape.at(-1) ?? K;
  const layout = shuffleWeight([N, columns], { bits: 8 });
  const operands = {
    x: await reader.tensor('x', format, { shape: [M, K] }),
    w: reader.has('w_shuffled')
      ? await reader.tensor('w_shuffled', format, { layout })
      : await shuffled(reader, format, layout),
    x_scale: await reader.tensor('x_scale', 'f32', { shape: [M, 1] }),
    w_scale: await reader.tensor('w_scale', 'f32'),
  };
  const results = [];
  if (reader.has('y_f64')) results.push(expected(await reader.tensor('y_f64', 'f64', { shape: [M, N] })));
  if (reader.has('y')) results.push(expected(await reader.tensor('y', params.out, { shape: [M, N] })));
  if (results.length === 0)
    throw reader.fail('neither of the tensors "y_f64", "y" is there; the case has nothing to compare with.');
  return [check('y', 'gemm_a8w8_bpreshuffle', params, operands, results)];
};

async function shuffled(reader: CaseReader, format: (typeof FP8)[number], layout: Layout): Promise<Tensor> {
  const w = await reader.tensor('w', format, { shape: layout.shape });
  return tensor(w.name, w.type, layout, permute(w.bytes, w.layout, layout, 8));
}

/**
 * DeepGEMM's operands as it stores them: `x_scale` F32 [G, align4(M)] with `w_scale` F32 [ceil(N / 128), G], or both I32
 * [ceil(G / 4), align4(rows)].
 */
const deepGemm: Binding = async (reader) => {
  const [M, N, K] = [reader.count('M'), reader.count('N'), reader.count('K')];
  const params = { out: reader.string('out', ['bf16', 'f32'], 'bf16'), math: reader.string('math', MATHS, 'exact') };
  const groups = Math.ceil(K / 128);
  const scale = (name: 'x_scale' | 'w_scale', rows: number): Promise<Tensor> => {
    const { dtype } = reader.info(name);
    if (dtype === 'I32') return tmaAligned(reader, name, 'i32', [rows, Math.ceil(groups / 4)]);
    if (name === 'x_scale') return tmaAligned(reader, name, 'f32', [rows, groups]);
    return reader.tensor(name, 'f32', { shape: [Math.ceil(N / 128), groups] });
  };
  const operands = {
    x: await reader.tensor('x', 'e4m3fn', { shape: [M, K] }),
    w: await reader.tensor('w', 'e4m3fn', { shape: [N, K] }),
    x_scale: await scale('x_scale', M),
    w_scale: await scale('w_scale', N),
  };
  const y = await reader.tensor('y', params.out, { shape: [M, N] });
  return [check('y', 'fp8_gemm_nt', params, operands, [expected(y)])];
};

/** Reads a scale from its stored buffer [columns, rows padded to 4]. As many bytes in another order are refused. */
async function tmaAligned(
  reader: CaseReader,
  name: string,
  type: 'f32' | 'i32',
  [rows, columns]: readonly [number, number],
): Promise<Tensor> {
  const layout = scaleTmaAligned([rows, columns]);
  const buffer = [columns, layout.storageSize / columns];
  const { shape } = reader.info(name);
  if (!sameShape(shape, buffer)) {
    throw reader.fail(
      `tensor "${name}" has shape [${shape.join(', ')}], expected the stored buffer [${buffer.join(', ')}]: column by column, ` +
        'each padded to 16 bytes.',
    );
  }
  return reader.tensor(name, type, { layout, ...(type === 'i32' ? { scaling: 'ue8m0-packed' } : {}) });
}

export const gemmBindings: Readonly<Record<string, Binding>> = {
  fp8_gemm_nt: deepGemm,
  gemm_a8w8_blockscale: blockscale,
  gemm_a8w8_blockscale_bpreshuffle: bpreshuffle,
  gemm_a8w8_bpreshuffle: rowScaled,
  gemm_a4w4_bpreshuffle: a4w4,
};
