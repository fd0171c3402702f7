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

export const ue8m0Bindings: Readonly<Record<string, Binding>> = {
  deepgemm_per_token_cast: cast('deepgemm_per_token_cast'),
  deepgemm_per_block_cast: cast('deepgemm_per_block_cast'),
  deepgemm_per_token_cast_packed: packedCast,
  ceil_to_ue8m0: ceil,
  pack_ue8m0_to_int: pack,
};
