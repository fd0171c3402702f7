import type { NarrowFormatName } from '../../formats/decode.ts';
import { type FloatFormatName, formatFacts } from '../../formats/facts.ts';
import { packNibbles, unpackNibbles } from '../../formats/pack.ts';
import type { EncodeParams } from '../../ops/encode.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { floatValues } from '../../ops/shared/rows.ts';
import { requireOperand } from '../../tensor/expect.ts';
import { asBytes } from '../../tensor/make.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asF64 } from '../../tensor/views.ts';
import type { MistakenCall } from '../hypothesis.ts';
import { withOutput } from './stored-scale.ts';

/** Formats of as many bits, which are taken for each other. */
const ALIKE: readonly (readonly Exclude<FloatFormatName, 'f64' | 'f32'>[])[] = [
  ['e4m3fn', 'e4m3fnuz', 'e5m2', 'e5m2fnuz', 'e8m0'],
  ['e2m3', 'e3m2'],
  ['bf16', 'f16'],
];

/** Other formats of as many bits. */
export function alike<F extends FloatFormatName>(format: F): readonly NarrowFormatName[] {
  const formats = ALIKE.find((names) => (names as readonly string[]).includes(format)) ?? [];
  return formats.filter((other) => other !== format);
}

/** The narrow format of a call: what `decode` reads, or what `encode` writes. */
export function narrowType(call: KernelCall): FloatFormatName | undefined {
  if (call.op === 'encode') return (call.params as EncodeParams).format;
  return call.operands['x']?.type as FloatFormatName | undefined;
}

/** The call with the bytes of its codes changed. */
export function onCodes(call: KernelCall, change: (bytes: Uint8Array) => Uint8Array): MistakenCall {
  const changed = (given: Tensor): Tensor => ({ ...given, bytes: change(given.bytes) });
  if (call.op === 'encode') return { ...call, finish: (outputs) => withOutput(outputs, 'y', changed) };
  const x = requireOperand(call.op, call.operands, 'x');
  return { ...call, operands: { ...call.operands, x: changed(x) } };
}

/** The call with each of its codes changed, in storage order. */
export function recoded(call: KernelCall, change: (code: number, at: number) => number): MistakenCall {
  const type = narrowType(call) as FloatFormatName;
  const bits = formatFacts(type).storageBits;
  return onCodes(call, (bytes) => {
    if (bits === 16) {
      const codes = new Uint16Array(bytes.slice().buffer);
      return asBytes(codes.map(change));
    }
    return bits === 4 ? packNibbles(unpackNibbles(bytes).map(change)) : bytes.map(change);
  });
}

/** The numbers that are encoded, in storage order. */
export function valuesOf(call: KernelCall): Float32Array | Float64Array {
  const x = requireOperand(call.op, call.operands, 'x');
  return x.type === 'f64' ? asF64(x) : floatValues(x);
}
