import { describe, expect, it } from 'vitest';
import { bindPair, DIFF_CLASSES, readingOf } from '../../../src/visualizer/model/diff.ts';
import { diffColors, diffPaint, rowPaint } from '../../../src/visualizer/model/diff-paint.ts';
import { linearOf, oklabOf } from '../../../src/visualizer/model/oklab.ts';
import { markOf } from '../../../src/visualizer/render/marks.ts';

const SHUFFLED = { a: 'shuffle_weight(16,16)', b: 'row-major', type: 'e4m3fn', shape: [64, 128], experts: 1 } as const;
const SCALES = { a: 'shuffle_scale', b: 'row-major', type: 'e8m0', shape: [100, 11], experts: 1 } as const;

function filled(paint: ReturnType<typeof diffPaint>, count: number): Uint32Array {
  const out = new Uint32Array(count);
  paint.fill(
    Float64Array.from({ length: count }, (_, key) => key),
    count,
    out,
  );
  return out;
}

describe.each(['light', 'dark'] as const)('colours, %s', (theme) => {
  it('have a lightness of their own for every class, in order', () => {
    const lights = DIFF_CLASSES.map((name) => oklabOf(linearOf(diffColors(theme)[name])).L);
    const steps = lights.slice(1).map((light, at) => light - (lights[at] as number));
    for (const step of steps) expect(theme === 'light' ? -step : step).toBeGreaterThan(0.08);
  });
  it('mark what is lost without colour', () => expect(markOf(diffColors(theme).lost)).toBe('hatch'));
});

it('paints the class of each address', () => {
  const pair = bindPair(SCALES);
  const colors = diffColors('light');
  const { classAt } = readingOf(pair);
  const seen = filled(diffPaint(pair, 'light'), 4096);
  for (const [key, color] of seen.entries()) expect(color).toBe(key < 1100 ? colors[classAt(key)] : colors.lost);
});

it('says in a cell what is got, or what it is taken for, and where', () => {
  const pair = bindPair(SHUFFLED);
  expect(diffPaint(pair, 'light').text(0x110)).toEqual(['1,16', '0x110']);
  expect(diffPaint(pair, 'light', 'asked').text(0x110)).toEqual(['2,16', '0x110']);
  const scales = bindPair(SCALES);
  const padding = Array.from({ length: 1100 }, (_, key) => key).find(
    (key) => scales.written.layout.coord(key) === undefined,
  );
  expect(diffPaint(scales, 'light').text(padding ?? -1)[0]).toBe('–');
});

it('paints the row that lies at each address, and padding', () => {
  const pair = bindPair(SHUFFLED);
  const got = filled(rowPaint(pair, 'light', [0, 1]), 64 * 128);
  const asked = filled(rowPaint(pair, 'light', [0, 1], 'asked'), 64 * 128);
  expect(new Set(got).size).toBe(64);
  // Byte 0x110 holds W[1, 16] and is read as W[2, 16].
  expect(got[0x110]).toBe(asked[128]);
  expect(asked[0x110]).toBe(asked[2 * 128]);
  const scales = bindPair(SCALES);
  const rows = filled(rowPaint(scales, 'light', [0, 1]), scales.written.layout.storageSize);
  for (const [key, color] of rows.entries())
    expect(color === diffColors('light').lost).toBe(scales.written.layout.coord(key) === undefined);
});

it('paints the columns where all rows are right', () => {
  const pair = bindPair({ ...SHUFFLED, a: '(n) (k0:2 k1:64) -> n k1 k0' });
  expect(new Set(filled(rowPaint(pair, 'dark', [1]), 128)).size).toBe(128);
});
