import { decodeArray } from '../../formats/decode.ts';
import { encodeArray } from '../../formats/encode.ts';
import { unpackUe8m0 } from '../../formats/mx-scale.ts';
import type { KernelCall, NamedTensors } from '../../ops/kernel-call.ts';
import { blocksAcross } from '../../ops/shared/groups.ts';
import { storedAs } from '../../ops/shared/groups-output.ts';
import { PACKED_SCALES, packScaleRows } from '../../ops/shared/groups-packed-scale.ts';
import { toRowMajor } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asF32, asI32 } from '../../tensor/views.ts';
import type { MistakenCall } from '../hypothesis.ts';
import { quantisationOf } from './quantised-call.ts';

/** Scales in one row of the scale output of a quantising call. */
export function groupsOf(call: KernelCall): number {
  if (call.op !== 'requant_weight_ue8m0') return blocksAcross(quantisationOf(call).grid);
  return call.operands['scale']?.layout.shape.at(-1) ?? 1;
}

/** The scale output as float32 [rows, groups], row-major, whatever it is stored as. */
export function readScales(scale: Tensor, groups: number): Float32Array {
  const plain = toRowMajor(scale);
  if (scale.type === 'e8m0') return decodeArray('e8m0', plain.bytes);
  if (scale.type !== 'i32') return asF32(plain);
  const all = unpackUe8m0(asI32(plain));
  const padded = Math.ceil(groups / PACKED_SCALES) * PACKED_SCALES;
  return all.filter((_, index) => index % padded < groups);
}

/** The inverse of `readScales`. @throws OperandError where a scale to be packed is no power of two */
export function writeScales(scale: Tensor, groups: number, values: Float32Array): Tensor {
  if (scale.type === 'e8m0') return storedAs(scale, encodeArray('e8m0', values));
  return storedAs(scale, scale.type === 'i32' ? packScaleRows('diagnose', scale.name, values, groups) : values);
}

/** The call with another number in place of each scale. */
export function withScales(
  call: KernelCall,
  change: (scales: Float32Array, groups: number) => Float32Array,
): MistakenCall {
  const groups = groupsOf(call);
  return withStoredScale(call, (scale) => writeScales(scale, groups, change(readScales(scale, groups), groups)));
}

/** The call with its scale output changed afterwards. */
export function withStoredScale(call: KernelCall, change: (scale: Tensor) => Tensor): MistakenCall {
  return { ...call, finish: (outputs) => withOutput(outputs, 'scale', change) };
}

/** Outputs with one of them changed. */
export function withOutput(outputs: NamedTensors, name: string, change: (given: Tensor) => Tensor): NamedTensors {
  const given = outputs[name];
  return given === undefined ? outputs : { ...outputs, [name]: change(given) };
}
