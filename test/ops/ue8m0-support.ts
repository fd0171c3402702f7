import { decode } from '../../src/formats/decode.ts';
import { encode } from '../../src/formats/encode.ts';

/** The nearest bf16 of a float32 value, as a number. */
export function nearestBf16(value: number): number {
  return decode('bf16', encode('bf16', value));
}
