import { describe, expect, it } from 'vitest';
import { catalog, checkShape, rowMajor, shuffleWeight } from '../../src/layout/catalog.ts';
import { coordExpressions, evaluate, offsetExpression, paddedAxes } from '../../src/layout/codegen/expression.ts';
import { layoutFunctionsWgsl } from '../../src/layout/codegen/wgsl.ts';
import { parseLayout } from '../../src/layout/notation.ts';
import { everyCoord } from './support.ts';

describe.each(catalog.map((entry) => [entry.id, entry] as const))('%s', (_id, entry) => {
  const layout = entry.bind(entry.example);

  it('has the id of its entry', () => expect(layout.id).toBe(entry.id));

  it('places every coordinate once and finds it again', () => {
    const taken = new Set<number>();
    for (const coord of everyCoord(layout.shape)) {
      const offset = layout.offset(coord);
      expect(layout.coord(offset)).toEqual(coord);
      taken.add(offset);
    }
    expect(taken.size).toBe(layout.size);
    const padding = Array.from({ length: layout.storageSize }, (_, offset) => offset).filter(
      (offset) => !taken.has(offset),
    );
    expect(padding.every((offset) => layout.coord(offset) === undefined)).toBe(true);
    expect(padding.length).toBe(layout.storageSize - layout.size);
    expect(padding.length === 0).toBe(entry.padding === 'none');
  });

  it('survives a round trip through its notation', () => {
    const again = parseLayout(layout.toString());
    expect(again.equals(layout)).toBe(true);
    expect(again.toString()).toBe(layout.toString());
  });

  it('generates index functions that agree with it', () => {
    const offset = offsetExpression(layout, (axis) => `c${axis}`);
    const coords = coordExpressions(layout, 'o');
    for (const coord of everyCoord(layout.shape)) {
      const inputs = Object.fromEntries(coord.map((value, axis) => [`c${axis}`, value]));
      const at = layout.offset(coord);
      expect(evaluate(offset, inputs)).toBe(at);
      expect(coords.map((expression) => evaluate(expression, { o: at }))).toEqual(coord);
    }
    for (let at = 0; at < layout.storageSize; at += 1) {
      const isPadding = paddedAxes(layout).some(({ axis, size }) => evaluate(coords[axis] as never, { o: at }) >= size);
      expect(isPadding).toBe(layout.coord(at) === undefined);
    }
    expect(layoutFunctionsWgsl('weights', layout)).toContain(
      `fn weights_offset(c: array<u32, ${layout.dims.length}>) -> u32`,
    );
  });

  it('accepts its example', () => {
    const verdict = checkShape(entry, entry.example);
    expect(verdict.ok).toBe(true);
  });
});

it('has unique ids', () => expect(new Set(catalog.map(({ id }) => id)).size).toBe(catalog.length));

it('tells equal mappings from equal names', () => {
  const find = (id: string) => catalog.find((entry) => entry.id === id);
  const [cm, tv, rm] = ['scale-cm', 'scale-tv', 'scale-rm'].map((id) => find(id)?.bind([5, 7]));
  expect(cm?.equals(tv as never)).toBe(true);
  expect(cm?.equals(rm as never)).toBe(false);
  // With one token all states have the same bytes, which is why decoding hides the mistake.
  expect(
    find('scale-cm')
      ?.bind([1, 7])
      .equals(find('scale-rm')?.bind([1, 7]) as never),
  ).toBe(true);
  expect(
    find('shuffle_weight(guinterleave)')
      ?.bind([2, 32, 128])
      .equals(shuffleWeight([2, 32, 128])),
  ).toBe(true);
  expect(rowMajor([4, 6]).equals(rowMajor([6, 4]))).toBe(false);
});
