import { describe, expect, it } from 'vitest';
import { shuffleWeight } from '../../../src/layout/index.ts';
import { describeElement, elementFacts } from '../../../src/tensor/describe-element.ts';
import { describeKey, describeScale } from '../../../src/visualizer/model/describe.ts';
import { elementsOfScale, scaleKeyOf } from '../../../src/visualizer/model/grids/index.ts';
import { parsePermalink } from '../../../src/visualizer/model/permalink.ts';
import { bindSubject, type Subject } from '../../../src/visualizer/model/subject.ts';
import { useVisualizer } from './harness.ts';
import {
  expectHoverLine,
  gridOf,
  hoverLines,
  plotOf,
  pointAtKey,
  randomNumbers,
  randomSpots,
  type View,
} from './lens-support.ts';

const visualizer = useVisualizer();

const EXPERTS = '#v=1&screen=lens&dt=e2m1&shape=8,5760,2880&scale=1x32:e8m0:shuffle_scale&reg=mfma.16x16x128.B.fp4';
const SMALL = '#v=1&screen=lens&dt=e2m1&shape=2,64,128&scale=1x32:e8m0:row-major';
const SCALES = '#v=1&screen=lens&a=shuffle_scale&dt=e8m0&shape=100,11';

/** The library's line, made in Node. */
function libraryLine({ tensor, scale, registers }: Subject, key: number): string {
  const coord = tensor.layout.coord(key);
  if (coord === undefined) throw new Error(`${key} is padding`);
  return describeElement(tensor, elementFacts(tensor, coord, { scale, registers }));
}

describe('the hover line is what the library says, over random cells', () => {
  const scenes: readonly (readonly [string, string, View])[] = [
    ['preshuffled fp8', '#v=1&screen=lens', 'logical'],
    ['preshuffled fp8, memory', '#v=1&screen=lens', 'memory'],
    ['fp8, registers', '#v=1&screen=lens', 'register'],
    ['GPT-OSS experts in MXFP4, 132 million elements', EXPERTS, 'logical'],
    ['GPT-OSS experts, memory', EXPERTS, 'memory'],
    ['GPT-OSS experts, operand of a matrix instruction', EXPERTS, 'register'],
    ['padded scales', SCALES, 'logical'],
    ['padded scales, memory', SCALES, 'memory'],
    ['notation, bf16', '#v=1&screen=lens&dt=bf16&shape=96,64&a=(n0.n1:32).(k0.k1:8)~k0.n0.k1.n1&reg=load8', 'logical'],
    [
      'f32 beside block scales',
      '#v=1&screen=lens&a=row-major&dt=f32&shape=40,300&scale=128x128:f32:row-major',
      'memory',
    ],
  ];
  it.each(scenes)('%s', async (name, link, view) => {
    const page = await visualizer.openPage(link, { width: 1500, height: 1100 });
    const { subject, grid } = gridOf(link, view);
    const plot = await plotOf(page, view);
    const spots = randomSpots(plot, grid, 110, randomNumbers(name.length)).filter(({ key }) => key !== undefined);
    const lines = await hoverLines(page, view, plot, spots);
    const isPadding = (key: number): boolean => subject.tensor.layout.coord(key) === undefined;
    const keys = spots.map(({ key }) => key as number);
    expect(lines).toEqual(keys.map((key) => (isPadding(key) ? describeKey(subject, key) : libraryLine(subject, key))));
    expect(keys.length).toBeGreaterThan(100);
    expect(keys.some(isPadding)).toBe(name === 'padded scales, memory');
  });
});

describe('linked views', () => {
  it('mark one element in every view, and show its tile', async () => {
    const page = await visualizer.openPage('#v=1&screen=lens', { width: 1500, height: 1100 });
    const { subject, grid } = gridOf('#v=1&screen=lens', 'memory');
    const key = subject.tensor.layout.offset([49, 100]);
    await pointAtKey(page, 'memory', grid, key);
    await expectHoverLine(page, libraryLine(subject, key));
    const tile = Math.floor(key / 1024);
    expect(await page.getByRole('spinbutton', { name: 'Tile' }).inputValue()).toBe(String(tile));
    for (const view of ['logical', 'memory', 'register'] as const) {
      const cell = gridOf('#v=1&screen=lens', view, tile).grid.cellOf(key);
      await expect
        .poll(() => page.locator(`.view-${view} [data-plot]`).getAttribute('data-cell'))
        .toBe(`${cell?.row},${cell?.column}`);
    }
    await page.mouse.move(5, 5);
    await expectHoverLine(page, '');
    expect(await page.locator('.view-logical [data-cell]').count()).toBe(0);
  });

  it('mark the scale of an element, and the elements of a scale', async () => {
    const page = await visualizer.openPage(SMALL, { width: 1500, height: 1100 });
    const { subject, grid } = gridOf(SMALL, 'logical');
    const { tensor, scale } = subject;
    if (scale === undefined) throw new Error('the scene has a scale');
    const key = tensor.layout.offset([0, 5, 70]);
    await pointAtKey(page, 'logical', grid, key);
    const scaleKey = scaleKeyOf(tensor.layout, scale, key) ?? -1;
    const scales = gridOf(SMALL, 'scale').grid;
    const cell = scales.cellOf(scaleKey);
    await expect
      .poll(() => page.locator('.view-scale [data-plot]').getAttribute('data-cell'))
      .toBe(`${cell?.row},${cell?.column}`);

    await pointAtKey(page, 'scale', scales, scaleKey);
    await expectHoverLine(page, describeScale(subject, scaleKey));
    expect(elementsOfScale(tensor.layout, scale, scaleKey).size).toBe(32);
    expect(await page.locator('.view-logical [data-cell]').count()).toBe(0);
    // The marks of 32 neighbours in one row: the overlay has something in that row and nothing far from it.
    const marked = async (row: number): Promise<boolean> => {
      const plot = await plotOf(page, 'logical');
      const root = page.locator('.view-logical .grid-overlay');
      return root.evaluate(
        (element, [x, y, width, height]) => {
          const canvas = element as HTMLCanvasElement;
          const ratio = canvas.width / canvas.clientWidth;
          const box = canvas.getBoundingClientRect();
          const image = canvas
            .getContext('2d')
            ?.getImageData((x - box.left) * ratio, (y - box.top) * ratio, width * ratio, Math.max(1, height * ratio));
          return image?.data.some((value) => value > 0) ?? false;
        },
        [
          plot.left + (64 - plot.viewport.column) * plot.viewport.scale,
          plot.top + (row - plot.viewport.row) * plot.viewport.scale,
          32 * plot.viewport.scale,
          plot.viewport.scale,
        ] as const,
      );
    };
    await expect.poll(() => marked(5)).toBe(true);
    expect(await marked(40)).toBe(false);
    // Back to an element.
    await pointAtKey(page, 'logical', grid, key);
    await expectHoverLine(page, libraryLine(subject, key));
  });
});

it('follows into the views that do not show the element', async () => {
  const page = await visualizer.openPage(EXPERTS, { width: 1500, height: 1100 });
  const { subject, grid } = gridOf(EXPERTS, 'logical');
  const key = subject.tensor.layout.offset([0, 900, 2000]);
  const memory = gridOf(EXPERTS, 'memory').grid;
  const before = (await plotOf(page, 'memory')).viewport;
  const follow = page.getByLabel('Views follow');
  await follow.uncheck();
  await pointAtKey(page, 'logical', grid, key);
  await expect.poll(() => page.locator('.view-memory [data-cell]').count()).toBe(1);
  expect((await plotOf(page, 'memory')).viewport).toEqual(before);
  await follow.check();
  await pointAtKey(page, 'logical', grid, key);
  const row = memory.cellOf(key)?.row ?? 0;
  await expect
    .poll(async () => {
      const { viewport, height } = await plotOf(page, 'memory');
      return row >= viewport.row && row < viewport.row + height / viewport.scale;
    })
    .toBe(true);
});

describe('go to', () => {
  it('leads to an element in every view, however far away', async () => {
    const page = await visualizer.openPage(EXPERTS, { width: 1500, height: 1100 });
    await plotOf(page, 'logical');
    const { subject } = gridOf(EXPERTS, 'logical');
    const { layout } = subject.tensor;
    const random = randomNumbers(5);
    for (let count = 0; count < 20; count += 1) {
      const coord = layout.shape.map((size) => Math.floor(random() * size));
      const key = layout.offset(coord);
      const text = [
        `e=${coord[0]} n=${coord[1]} k=${coord[2]}`,
        `offset ${key}`,
        `byte 0x${(key >> 1).toString(16)} ${key % 2 === 1 ? 'high' : 'low'}`,
        coord.join(','),
      ][count % 4] as string;
      await page.keyboard.press('/');
      await page.keyboard.type(text);
      await page.keyboard.press('Enter');
      await expectHoverLine(page, libraryLine(subject, key));
      for (const view of ['logical', 'memory'] as const) {
        const { grid } = gridOf(EXPERTS, view);
        const cell = grid.cellOf(key) ?? { row: -1, column: -1 };
        await expect
          .poll(async () => {
            const { viewport, width, height } = await plotOf(page, view);
            const x = (cell.column + 0.5 - viewport.column) * viewport.scale;
            const y = (cell.row + 0.5 - viewport.row) * viewport.scale;
            return x > 0 && y > 0 && x < width && y < height && viewport.scale >= 7;
          })
          .toBe(true);
      }
      await page.keyboard.press('Escape');
    }
  });
  it('reads lanes of the shown tile and says what it cannot read', async () => {
    const page = await visualizer.openPage('#v=1&screen=lens');
    await page.getByRole('button', { name: 'Next tile' }).click();
    await page.keyboard.press('/');
    await page.keyboard.type('lane 37 v2');
    await page.keyboard.press('Enter');
    const { subject } = gridOf('#v=1&screen=lens', 'logical');
    await expectHoverLine(page, libraryLine(subject, 1024 + 37 * 16 + 8));
    await page.locator('#go-to').fill('n=64');
    await page.keyboard.press('Enter');
    expect(await page.locator('#go-to-error').textContent()).toBe('n=64 is outside 0 to 63.');
    await page.locator('#go-to').fill('n=63');
    expect(await page.locator('#go-to-error').count()).toBe(0);
  });
});

describe('pins', () => {
  it('are one after a click, more with Shift, and go into the link', async () => {
    const link = '#v=1&screen=lens';
    const page = await visualizer.openPage(link, { width: 1500, height: 1100 });
    const { subject, grid } = gridOf(link, 'logical');
    const { layout } = subject.tensor;
    const lines = () => page.locator('.pins code').allTextContents();
    await pointAtKey(page, 'logical', grid, layout.offset([3, 5]));
    await page.mouse.down();
    await page.mouse.up();
    expect(await lines()).toEqual([libraryLine(subject, layout.offset([3, 5]))]);
    await page.keyboard.down('Shift');
    await pointAtKey(page, 'logical', grid, layout.offset([40, 100]));
    await page.mouse.down();
    await page.mouse.up();
    await page.keyboard.up('Shift');
    expect(await lines()).toEqual(
      [
        [3, 5],
        [40, 100],
      ].map((coord) => libraryLine(subject, layout.offset(coord))),
    );
    expect(await page.evaluate(() => location.hash)).toBe(`${link}&sel=n3.k5,n40.k100`);
    // Without a hovered element the line is that of the last pin.
    await page.mouse.move(5, 5);
    await expectHoverLine(page, libraryLine(subject, layout.offset([40, 100])));
    await page.getByRole('button', { name: 'Remove the pin 3, 5' }).click();
    expect(await lines()).toEqual([libraryLine(subject, layout.offset([40, 100]))]);
  });
  it('outside the shape say so and can be removed', async () => {
    const page = await visualizer.openPage('#v=1&screen=lens&sel=n90.k0');
    expect(await page.locator('.pins code').textContent()).toBe(
      'shuffle_weight(16,16): coordinate [90, 0] is outside [64, 128] in dimension "n".',
    );
    await page.getByRole('button', { name: 'Remove the pin 90, 0' }).click();
    expect(await page.evaluate(() => location.hash)).toBe('#v=1&screen=lens');
  });
});

it('does everything from the keyboard', async () => {
  const page = await visualizer.openPage('#v=1&screen=lens', { width: 1500, height: 1100 });
  const { subject } = gridOf('#v=1&screen=lens', 'logical');
  const { layout } = subject.tensor;
  const hash = () => page.evaluate(() => location.hash);
  await page.keyboard.press('/');
  await page.keyboard.type('n=17 k=40');
  await page.keyboard.press('Enter');
  await page.locator('.view-logical [role=grid]').focus();
  await page.keyboard.press('ArrowRight');
  await expectHoverLine(page, libraryLine(subject, layout.offset([17, 41])));
  await page.keyboard.press('ArrowDown');
  await expectHoverLine(page, libraryLine(subject, layout.offset([18, 41])));
  await page.keyboard.press('Enter');
  expect(await hash()).toBe('#v=1&screen=lens&sel=n18.k41');
  await page.keyboard.press('Alt+ArrowRight');
  await expectHoverLine(page, libraryLine(subject, layout.offset([18, 41]) + 1));
  for (const key of ['2', '4', '5']) await page.keyboard.press(key);
  expect(await hash()).toBe('#v=1&screen=lens&view=log,reg&sel=n18.k41');
  expect(await page.locator('.view').count()).toBe(2);
  await page.keyboard.press('c');
  expect(await hash()).toContain('&color=vgpr');
  await page.keyboard.press('[');
  expect(await hash()).toContain('&step=2');
  expect(await page.locator('.steps [aria-current=step] code').textContent()).toBe('permute(0, 2, 3, 1, 4)');
  await page.keyboard.press('[');
  await page.keyboard.press(']');
  await page.keyboard.press(']');
  expect(await hash()).not.toContain('step');
  // Keys rest while something is typed.
  await page.keyboard.press('/');
  await page.keyboard.type('1');
  expect(await page.locator('.view').count()).toBe(2);
  await page.keyboard.press('Escape');
  // A slider or a check box takes no characters.
  await page.getByLabel('Views follow').focus();
  await page.keyboard.press('2');
  expect(await page.locator('.view').count()).toBe(3);
  await page.keyboard.press('d');
  await page.locator('main.screen-diff').waitFor();
});

describe('controls', () => {
  it('offer the example shape of a layout that rejects the shape', async () => {
    const page = await visualizer.openPage('#v=1&screen=lens');
    await page.getByLabel('Layout', { exact: true }).selectOption('shuffle_weight(guinterleave,gate_up)');
    expect(await page.locator('.error-state p').textContent()).toBe(
      'shuffle_weight(guinterleave,gate_up) does not accept shape [64, 128]: it has 2 dimensions, expected 3 (experts, rows, columns).',
    );
    await page.getByRole('button', { name: 'Use the shape 2 × 64 × 128' }).click();
    expect(await page.locator('.facts code').first().textContent()).toBe(shuffleGuinterleave());
  });
  it('take a layout in notation, and say what is wrong with it while it is written', async () => {
    const page = await visualizer.openPage('#v=1&screen=lens');
    await page.getByLabel('Layout', { exact: true }).selectOption('custom');
    const input = page.getByLabel('Layout in notation');
    await input.fill('(n0 n1:16) (k) -> n0 k');
    expect(await page.locator('.layout-picker .field-error').textContent()).toBe(
      'digit "n1" is missing from the storage order at column 23 of layout "(n0 n1:16) (k) -> n0 k"',
    );
    await input.fill('(n0 n1:16) (k) -> n0 k n1');
    expect(await page.locator('.field-error').count()).toBe(0);
    await input.press('Enter');
    await expect.poll(() => page.evaluate(() => location.hash)).toBe('#v=1&screen=lens&a=(n0.n1:16).(k)~n0.k.n1');
    expect(await page.locator('.facts code').first().textContent()).toBe('n=(n0:4 n1:16) k=(k:128) -> n0 k n1');
  });
  it('take shapes as people write them', async () => {
    const page = await visualizer.openPage('#v=1&screen=lens');
    const input = page.getByLabel('Shape');
    await input.fill('32, many');
    expect(await page.locator('.field-error').textContent()).toBe(
      '"many" is no size; write positive whole numbers such as 8, 5760, 2880.',
    );
    await input.fill('32 x 256');
    await input.press('Enter');
    await expect.poll(() => page.evaluate(() => location.hash)).toBe('#v=1&screen=lens&shape=N32,K256');
  });
  it('keep at least one view', async () => {
    const page = await visualizer.openPage('#v=1&screen=lens&view=mem');
    await page.keyboard.press('2');
    expect(await page.locator('.view').count()).toBe(1);
    expect(await page.getByRole('button', { name: 'Hide Memory' }).isDisabled()).toBe(true);
  });
  it('tell how a load meets cache lines', async () => {
    const page = await visualizer.openPage('#v=1&screen=lens&a=row-major&reg=mfma.16x16x32.B.fp8&view=bank');
    expect(await page.locator('.view-caption').textContent()).toBe(
      '64 lanes read 512 bytes from 16 lines of 128 bytes, none whole: 25% of what is fetched is used.',
    );
    await page.getByRole('button', { name: 'banks', exact: true }).click();
    expect(await page.locator('.view-caption').textContent()).toMatch(/4-fold conflict\.$/);
  });
});

it('comes back from its link after a reload', async () => {
  const link =
    '#v=1&screen=lens&a=(n0.n1:16).(k0.k1:32)~n0.k0.n1.k1&dt=e2m1&shape=N64,K256&scale=1x32:e8m0:shuffle_scale&reg=load8&' +
    'view=log,mem,scale&color=value&line=64&step=1&sel=n3.k5,n40.k100';
  const page = await visualizer.openPage(link);
  const look = async () => ({
    hash: await page.evaluate(() => location.hash),
    pins: await page.locator('.pins code').allTextContents(),
    views: await page.locator('.view h2').allTextContents(),
    step: await page.locator('.steps [aria-current=step]').textContent(),
    line: await page.locator('#hover-line').textContent(),
    selects: await page
      .locator('.screen select')
      .evaluateAll((all) => all.map((one) => (one as HTMLSelectElement).value)),
  });
  const before = await look();
  expect(before.hash).toBe(link);
  const subject = bindSubject(parsePermalink(link));
  expect(before.line).toBe(libraryLine(subject, subject.tensor.layout.offset([40, 100])));
  expect(before.selects).toEqual(['custom', 'e2m1', '1x32:e8m0', 'shuffle_scale', 'load8', 'value', '64']);
  await page.reload();
  await page.locator('.view').first().waitFor();
  expect(await look()).toEqual(before);
});

it('moves cells between steps, and jumps with reduced motion', async () => {
  for (const reducedMotion of [true, false]) {
    const page = await visualizer.openPage('#v=1&screen=lens&step=0', { reducedMotion });
    const picture = () => page.locator('.step-canvas').evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
    await page.locator('.step-canvas').scrollIntoViewIfNeeded();
    const before = await picture();
    await page.keyboard.press(']');
    await page.keyboard.press(']');
    if (!reducedMotion) await page.waitForTimeout(2500);
    const after = await picture();
    expect(after).not.toBe(before);
    await page.waitForTimeout(200);
    expect(await picture()).toBe(after);
  }
});

it('is usable on a narrow screen: nothing is wider than it', async () => {
  const page = await visualizer.openPage(`${EXPERTS}&sel=e3.n517.k96`, { width: 390, height: 800 });
  await plotOf(page, 'logical');
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
});

function shuffleGuinterleave(): string {
  const { layout } = bindSubject(parsePermalink('#v=1&a=shuffle_weight(guinterleave,gate_up)&shape=2,64,128')).tensor;
  expect(layout.equals(shuffleWeight([2, 64, 128]))).toBe(false);
  return layout.toString();
}
