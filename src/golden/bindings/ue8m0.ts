import { scaleTmaAligned } from '../../layout/activation-scale.ts';
import { check } from '../check.ts';
import type { Binding } from './binding.ts';

const SOURCES = ['f32', 'bf16', 'f16'] as const;

/** DeepGEMM's casts; inputs are bf16 unless `src` says otherwise. */
function cast(op: 'deepgemm_per_token_cast' | 'deepgemm_per_block_cast'): Binding {
  return async (reader) => {
    const ue8m0 = reader.flag('ue8m0');
    const x = await reader.tensor('x', reader.string('src', SOURCES, 'bf16'));
    const y = await reader.tensor('y', 'e4m3fn', { shape: x.layout.shape });
    const scale = await reader.tensor('scale', 'f32', { scaling: ue8m0 ? 'ue8m0-f32' : 'f32' });
    return [
      check('cast', op, { ue8m0 }, { x }, [
        { output: 'y', expected: y, compare: 'exact' },
        { output: 'scale', expected: scale, compare: 'exact' },
      ]),
    ];
  };
}

const packedCast: Binding = async (reader) => {
  const x = await reader.tensor('x', reader.string('src', SOURCES, 'bf16'));
  const y = await reader.tensor('y', 'e4m3fn', { shape: x.layout.shape });
  const scale = await reader.tensor('scale', 'i32', { scaling: 'ue8m0-packed' });
  return [
    check('cast', 'deepgemm_per_token_cast_packed', {}, { x }, [
      { output: 'y', expected: y, compare: 'exact' },
      { output: 'scale', expected: scale, compare: 'exact' },
    ]),
  ];
};

const ceil: Binding = async (reader) => {
  const x = await reader.tensor('x', 'f32');
  const expected = await reader.tensor('y', 'f32', { shape: x.layout.shape });
  return [check('y', 'ceil_to_ue8m0', {}, { x }, [{ output: 'y', expected, compare: 'exact' }])];
};

const pack: Binding = async (reader) => {
  const x = await reader.tensor('x', 'f32');
  const expected = await reader.tensor('y', 'i32');
  return [check('y', 'pack_ue8m0_to_int', {}, { x }, [{ output: 'y', expected, compare: 'exact' }])];
};

/** `scale` and `scale_out` lie row-major. */
const requant: Binding = async (reader) => {
  const w = await reader.tensor('w', 'e4m3fn');
  const scale = await reader.tensor('scale', 'f32', { scaling: 'f32' });
  const y = await reader.tensor('y', 'e4m3fn', { shape: w.layout.shape });
  const scaleOut = await reader.tensor('scale_out', 'f32', { shape: scale.layout.shape, scaling: 'ue8m0-f32' });
  return [
    check('requantised', 'requant_weight_ue8m0', {}, { w, scale }, [
      { output: 'y', expected: y, compare: 'exact' },
      { output: 'scale', expected: scaleOut, compare: 'exact' },
    ]),
  ];
};

/** x is f32 [rows, G]; y holds the int32 buffer [ceil(G / 4), mn padded to 4]; `padding` compares the padding too. */
const packMnMajor: Binding = async (reader) => {
  const x = await reader.tensor('x', 'f32', { scaling: 'ue8m0-f32' });
  const [rows = 1, groups = 1] = x.layout.shape.slice(-2);
  const granMn = reader.count('gran_mn', 1);
  const mn = reader.count('mn', rows * granMn);
  const layout = scaleTmaAligned([...x.layout.shape.slice(0, -2), mn, Math.ceil(groups / 4)]);
  const y = await reader.tensor('y', 'i32', { layout, scaling: 'ue8m0-packed' });
  return [
    check('packed', 'pack_ue8m0_mn_major', { mn, granMn }, { x }, [
      { output: 'y', expected: y, compare: 'exact', padding: reader.flag('padding', true) },
    ]),
  ];
};

/** x holds the int32 buffer [ceil(G / 4), mn padded to 4], y f32 [ceil(mn / gran_mn), G]. */
const unpackMnMajor: Binding = async (reader) => {
  const groups = reader.count('groups');
  const granMn = reader.count('gran_mn', 1);
  const layout = scaleTmaAligned([reader.count('mn'), Math.ceil(groups / 4)]);
  const x = await reader.tensor('x', 'i32', { layout, scaling: 'ue8m0-packed' });
  const y = await reader.tensor('y', 'f32', { scaling: 'ue8m0-f32' });
  return [
    check('unpacked', 'unpack_ue8m0_scale', { groups, granMn }, { x }, [
      { output: 'y', expected: y, compare: 'exact' },
    ]),
  ];
};

/** w and y are codes, scale and scale_out float32 of any granularity. */
const normalizeFnuz: Binding = async (reader) => {
  const w = await reader.tensor('w', 'e4m3fn');
  const scale = await reader.tensor('scale', 'f32', { scaling: 'f32' });
  const y = await reader.tensor('y', 'e4m3fnuz', { shape: w.layout.shape });
  const scaleOut = await reader.tensor('scale_out', 'f32', { shape: scale.layout.shape, scaling: 'f32' });
  return [
    check('normalised', 'normalize_e4m3fn_to_e4m3fnuz', {}, { w, scale }, [
      { output: 'y', expected: y, compare: 'exact' },
      { output: 'scale', expected: scaleOut, compare: 'exact' },
    ]),
  ];
};

export const ue8m0Bindings: Readonly<Record<string, Binding>> = {
  deepgemm_per_token_cast: cast('deepgemm_per_token_cast'),
  deepgemm_per_block_cast: cast('deepgemm_per_block_cast'),
  deepgemm_per_token_cast_packed: packedCast,
  ceil_to_ue8m0: ceil,
  normalize_e4m3fn_to_e4m3fnuz: normalizeFnuz,
  pack_ue8m0_mn_major: packMnMajor,
  pack_ue8m0_to_int: pack,
  requant_weight_ue8m0: requant,
  unpack_ue8m0_scale: unpackMnMajor,
};
