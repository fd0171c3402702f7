import { MX_SCALE_MODES } from '../../formats/mx-scale.ts';
import type { OpParams } from '../../ops/registry.ts';
import { GROUP_MATHS, ROW_MATHS } from '../../ops/shared/groups-rules.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { CaseReader } from '../case-reader.ts';
import { check } from '../check.ts';
import type { Binding } from './binding.ts';

const SOURCES = ['f32', 'bf16', 'f16'] as const;

function source(reader: CaseReader, fallback: (typeof SOURCES)[number] = 'f32'): Promise<Tensor> {
  return reader.tensor('x', reader.string('src', SOURCES, fallback));
}

/** The quantisers to fp8 with float32 scales. */
function fp8(op: 'per_tensor_quant' | 'per_token_quant' | 'per_1x128_quant'): Binding {
  return async (reader) => {
    const format = reader.string('format', ['e4m3fn', 'e4m3fnuz']);
    const x = await source(reader);
    const y = await reader.tensor('y', format, { shape: x.layout.shape });
    const scale = await reader.tensor('scale', 'f32', { scaling: 'f32' });
    const math = reader.string('math', op === 'per_1x128_quant' ? GROUP_MATHS : ROW_MATHS, 'torch');
    return [
      check('quantised', op, { format, math } as OpParams<typeof op>, { x }, [
        { output: 'y', expected: y, compare: 'exact', dims: ['m', 'k'] },
        { output: 'scale', expected: scale, compare: 'exact', dims: ['m', 'group'] },
      ]),
    ];
  };
}

/** The quantisers to MX blocks with e8m0 scales. */
function mx(op: 'mxfp4_quant' | 'mxfp8_quant' | 'dynamic_mxfp4_quant', fallback: 'f32' | 'bf16'): Binding {
  return async (reader) => {
    const mode = reader.string('mode', MX_SCALE_MODES);
    const x = await source(reader, fallback);
    const y = await reader.tensor('y', op === 'mxfp8_quant' ? 'e4m3fn' : 'e2m1', { shape: x.layout.shape });
    const scale = await reader.tensor('scale', 'e8m0', { scaling: 'e8m0' });
    return [
      check('quantised', op, { mode }, { x }, [
        { output: 'y', expected: y, compare: 'exact', dims: ['m', 'k'] },
        { output: 'scale', expected: scale, compare: 'exact', dims: ['m', 'group'] },
      ]),
    ];
  };
}

export const quantBindings: Readonly<Record<string, Binding>> = {
  per_tensor_quant: fp8('per_tensor_quant'),
  per_token_quant: fp8('per_token_quant'),
  per_1x128_quant: fp8('per_1x128_quant'),
  mxfp4_quant: mx('mxfp4_quant', 'f32'),
  mxfp8_quant: mx('mxfp8_quant', 'f32'),
  dynamic_mxfp4_quant: mx('dynamic_mxfp4_quant', 'bf16'),
};
