import { expect, it } from 'vitest';
import { openBackend } from '../../backends/registry.ts';
import { decode } from '../../src/formats/decode.ts';
import { shuffleWeight } from '../../src/layout/catalog.ts';
import { rowMajor } from '../../src/layout/plain.ts';
import { normalizeE4m3fnToE4m3fnuz } from '../../src/ops/normalize-e4m3fn-to-e4m3fnuz.ts';
import { permute } from '../../src/ops/permute.ts';
import { tensorFrom } from '../../src/tensor/make.ts';
import { asF32 } from '../../src/tensor/views.ts';

const everyCode = tensorFrom(
  'w',
  'e4m3fn',
  [16, 32],
  Uint8Array.from({ length: 512 }, (_, index) => index & 0xff),
);
const scale = tensorFrom('scale', 'f32', [4], Float32Array.of(0.5, 2 ** -149, 2 ** 127, -3), 'f32');

it('keeps every product of code and scale but those of NaN', () => {
  const out = normalizeE4m3fnToE4m3fnuz.reference({}, { w: everyCode, scale });
  expect(out.y.type).toBe('e4m3fnuz');
  for (let code = 0; code < 256; code += 1) {
    const after = out.y.bytes[code] as number;
    if ((code & 0x7f) === 0x7f) expect(Math.abs(decode('e4m3fnuz', after))).toBe(240);
    else expect(decode('e4m3fnuz', after) * 2).toBe(decode('e4m3fn', code) + 0);
  }
  expect([...asF32(out.scale)]).toEqual([1, 2 ** -148, Number.POSITIVE_INFINITY, -6]);
});

it('commutes with the weight shuffle', () => {
  const to = shuffleWeight([16, 32], { bits: 8 });
  const first = normalizeE4m3fnToE4m3fnuz.reference({}, { w: permute.reference({ to }, { x: everyCode }).y, scale }).y;
  const second = permute.reference({ to }, { x: normalizeE4m3fnToE4m3fnuz.reference({}, { w: everyCode, scale }).y }).y;
  expect(first.bytes).toEqual(second.bytes);
  expect(first.layout.equals(to)).toBe(true);
});

it('refuses to do it twice', () => {
  const once = normalizeE4m3fnToE4m3fnuz.reference({}, { w: everyCode, scale });
  expect(() => normalizeE4m3fnToE4m3fnuz.plan({}, { w: once.y, scale: once.scale })).toThrowErrorMatchingInlineSnapshot(
    `[OperandError: normalize_e4m3fn_to_e4m3fnuz: operand "y": is e4m3fnuz, expected e4m3fn. Convert it with encode, or assume() the type if the bytes are right.]`,
  );
});

it('gives the same bytes on WebGPU', async () => {
  const backend = await openBackend('webgpu');
  const odd = tensorFrom(
    'w',
    'e4m3fn',
    [3, 87],
    Uint8Array.from({ length: 261 }, (_, index) => index & 0xff),
  );
  for (const w of [everyCode, odd]) {
    const expected = normalizeE4m3fnToE4m3fnuz.reference({}, { w, scale });
    const actual = await backend.run('normalize_e4m3fn_to_e4m3fnuz', {}, { w, scale });
    expect(actual.y.bytes).toEqual(expected.y.bytes);
    expect(actual.y.layout.equals(rowMajor(w.layout.shape))).toBe(true);
    expect(actual.scale.bytes).toEqual(expected.scale.bytes);
  }
  await backend.dispose();
});
