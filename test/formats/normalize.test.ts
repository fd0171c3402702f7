import { describe, expect, it } from 'vitest';
import { decode } from '../../src/formats/decode.ts';
import { normalizeToFnuz } from '../../src/formats/normalize.ts';

describe('normalizeToFnuz', () => {
  const all = Uint8Array.from({ length: 256 }, (_, code) => code);

  it('keeps the value of every code that is a number', () => {
    const before = Uint8Array.from(all);
    const scales = Float32Array.of(0.375);
    const result = normalizeToFnuz(all, scales);
    expect(result.scales).toEqual(Float32Array.of(0.75));
    for (const code of all) {
      const value = decode('e4m3fn', code) * 0.375;
      if (Number.isNaN(value)) continue;
      // -0 has no code and becomes 0.
      expect(decode('e4m3fnuz', result.codes[code]!) * 0.75 === value, `code ${code}`).toBe(true);
    }
    expect(all).toEqual(before);
    expect(scales).toEqual(Float32Array.of(0.375));
  });

  it('counts the NaNs that become 240 and -240', () => {
    const { codes, lostNaNs } = normalizeToFnuz(Uint8Array.of(0x7f, 0xff, 0x80, 0x7e), new Float32Array(0));
    expect([...codes]).toEqual([0x7f, 0xff, 0, 0x7e]);
    expect(lostNaNs).toBe(2);
  });
});
