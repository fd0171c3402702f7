import { beforeAll, describe, expect, it } from 'vitest';
import { mapPaint, mapView, modesOf, percent, rateColor } from '../../../src/visualizer/model/golden-map.ts';
import type { ReportMap } from '../../../src/visualizer/model/golden-map-json.ts';
import { parseReport } from '../../../src/visualizer/model/golden-report.ts';
import { elementScene } from '../../../src/visualizer/model/golden-scene.ts';
import { allowedText, boundText, byteText, coordText, decimals } from '../../../src/visualizer/model/golden-text.ts';
import { commonColors } from '../../../src/visualizer/model/palettes.ts';
import { faultyReport } from '../golden-reports.ts';

const maps = new Map<string, ReportMap>();
beforeAll(async () => {
  const report = parseReport(JSON.stringify(await faultyReport()), 'r.json');
  for (const { case: name, metrics } of report.backends.at(-1)?.results ?? [])
    for (const { map, tensor } of metrics?.tensors ?? []) if (map !== undefined) maps.set(`${name} ${tensor}`, map);
});
const experts = (): ReportMap => maps.get('moe_w_4x128x128_gi1_gu0 y') as ReportMap;
const gemm = (): ReportMap => maps.get('a8w8_blockscale_33x384x1024 y_f64') as ReportMap;

it('views a matrix cell by cell', () => {
  const map = experts();
  expect([map.cell, map.grid, map.shown.map(({ matrix }) => matrix)]).toEqual([[2, 4], [64, 64], [2]]);
  const view = mapView(map, 'matrix', 2);
  expect([view.grid.rows, view.grid.columns, view.grid.keyAt(8, 3), view.grid.cellOf(515)]).toEqual([
    64,
    64,
    515,
    { row: 8, column: 3 },
  ]);
  const { failed } = view.counts(515);
  expect(failed).toBe(map.shown[0]?.mismatches[515]);
  expect(view.describe(515)).toBe(
    `e = 2, n = 16 … 17, k = 12 … 15: ${failed} of 8 elements differ (${percent(failed, 8)})`,
  );
  expect(view.grid.blocks).toEqual([
    { rows: 64, columns: 32, kind: 'scale' },
    { rows: 8, columns: 4, kind: 'tile' },
  ]);
});

it('views tiles and experts, which add up to the same', () => {
  const map = experts();
  expect(modesOf(map)).toEqual(['matrix', 'tile', 'expert']);
  const tiles = mapView(map, 'tile', 2);
  expect([tiles.grid.rows, tiles.grid.columns, tiles.cell]).toEqual([8, 16, [16, 16]]);
  const perTile = Array.from({ length: 128 }, (_, key) => tiles.counts(key));
  expect(perTile.map(({ compared }) => compared)).toEqual(new Array(128).fill(256));
  expect(perTile.map(({ failed }, key) => (failed === 0) === key % 32 < 16)).not.toContain(false);
  const all = mapView(map, 'expert', 2);
  expect(all.counts(2).failed).toBe(perTile.reduce((sum, { failed }) => sum + failed, 0));
  expect(all.describe(1)).toBe('e = 1: 0 of 32768 elements differ (0 %)');
  expect([all.grid.rows, all.grid.columns, all.grid.keyAt(0, 3)]).toEqual([1, 4, 3]);
});

it('places ragged edges and folded rows', () => {
  const map = gemm();
  expect([map.rows, map.columns, map.cell]).toEqual([33, 384, [1, 8]]);
  const tiles = mapView(map, 'tile', 0);
  expect([tiles.grid.rows, tiles.grid.columns]).toEqual([3, 24]);
  expect(tiles.describe(2 * 24 + 8)).toMatch(/^m = 32, n = 128 … 143: \d+ of 16 elements differ/);
  const folded: ReportMap = {
    ...map,
    dims: [
      { name: 'token', size: 11 },
      { name: 'slot', size: 3 },
      { name: 'i', size: 384 },
    ],
  };
  expect(mapView(folded, 'matrix', 0).describe(4 * 48)).toMatch(/^token = 1, slot = 1, i = 0 … 7: 0 of 8/);
  expect(mapView(folded, 'tile', 0).grid.rowLabel(0)).toBe('token = 0, slot = 0 … token = 5, slot = 0');
});

it('paints rates and hatches what was not compared', () => {
  const map: ReportMap = {
    ...gemm(),
    rows: 1,
    columns: 4,
    cell: [1, 1],
    grid: [1, 4],
    shown: [{ matrix: 0, mismatches: [0, 1, 0, 3], elements: [1, 1, 0, 4] }],
  };
  for (const theme of ['light', 'dark'] as const) {
    const paint = mapPaint(mapView(map, 'matrix', 0), theme);
    const out = new Uint32Array(4);
    paint.fill(Float64Array.of(0, 1, 2, 3), 4, out);
    expect([...out]).toEqual([
      rateColor(0, theme),
      rateColor(1, theme),
      commonColors(theme).padding,
      rateColor(0.75, theme),
    ]);
    expect([0, 1, 2, 3].map((key) => paint.text(key))).toEqual([[], ['≠'], [], ['75 %', '3', 'of 4']]);
    // One mismatch in a million is still not the colour of none.
    expect(rateColor(1e-6, theme)).not.toBe(rateColor(0, theme));
  }
});

it('opens the worst elements in the Lens where the layout is one of the catalog', () => {
  expect(elementScene(gemm())).toMatchObject({ screen: 'lens', a: 'row-major', type: 'bf16', shape: [33, 384] });
  expect(elementScene(gemm())?.pins).toHaveLength(5);
  expect(elementScene({ ...gemm(), layout: 'mine' })).toBeUndefined();
  expect(elementScene({ ...gemm(), type: 'f8' })).toBeUndefined();
});

describe('texts', () => {
  it('percent never rounds to all or nothing', () => {
    expect([percent(0, 5), percent(5, 5), percent(1, 3), percent(1, 1e6), percent(999999, 1e6)]).toEqual([
      '0 %',
      '100 %',
      '33.3 %',
      '< 0.01 %',
      '> 99.99 %',
    ]);
  });
  it('numbers, bytes and places', () => {
    expect([decimals(null), decimals(0.00001), decimals(12.345), decimals(812.6), decimals(41837443)]).toEqual([
      '∞',
      '1.00e-5',
      '12.3',
      '813',
      '4.18e+7',
    ]);
    expect([byteText(10), byteText(0x12a40)]).toEqual(['0xa', '0x1_2a40']);
    expect(coordText([{ name: 'n', size: 9 }], [7])).toBe('n=7');
    expect(coordText([{ name: 'n', size: 9 }], undefined)).toBe('padding');
    expect([
      allowedText({ allowed: [1, 1] }),
      allowedText({ allowed: [-1, null] }),
      allowedText({ allowed: undefined }),
    ]).toEqual(['1', '-1 … not finite', 'the same code']);
  });
  it('an infinite share of the bound is told from an exact comparison', () => {
    const tensor = {
      elements: 1,
      mismatches: 1,
      equal: 0,
      maxAbs: 0,
      maxRel: 0,
      maxUlp: null,
      cosine: 1,
      boundUsed: null,
    };
    const of = (map: ReportMap | undefined) =>
      boundText(tensor, [{ ...tensor, label: 'y', op: 'o', tensor: 'y', map }]);
    expect([of(undefined), of(gemm()), of(experts())]).toEqual(['exact', '∞', 'exact']);
  });
});
