import { describe, expect, test } from 'vitest';
import { codeText, elementFacts, registerText } from '../../../../src/tensor/index.ts';
import { csvOf } from '../../../../src/visualizer/model/export/csv.ts';
import { markdownOfElements, markdownOfTile } from '../../../../src/visualizer/model/export/markdown.ts';
import {
  blockAround,
  MAX_ELEMENTS,
  parseSelection,
  printSelection,
  selectionCoords,
  selectionSize,
  wholeTensor,
} from '../../../../src/visualizer/model/export/selection.ts';
import { PRESETS } from '../../../../src/visualizer/model/presets.ts';
import { bindSubject } from '../../../../src/visualizer/model/subject.ts';

const subjectOf = (id: string) => {
  const preset = PRESETS.find((candidate) => candidate.id === id);
  if (preset === undefined) throw new Error(`no preset ${id}`);
  return bindSubject(preset.scene);
};

describe('selection', () => {
  const { layout } = subjectOf('gpt-oss-w13').tensor;

  test('reads slices by name, and prints what it reads', () => {
    const selection = parseSelection('e=3 n=512:528, k=:32', layout);
    expect(selection).toEqual([
      [3, 4],
      [512, 528],
      [0, 32],
    ]);
    expect(parseSelection(printSelection(selection, layout), layout)).toEqual(selection);
    expect(parseSelection('', layout)).toEqual(wholeTensor(layout));
    expect(selectionSize(selection)).toBe(16 * 32);
    expect(selectionCoords(selection)[33]).toEqual([3, 513, 1]);
    expect(selectionCoords(wholeTensor(layout))).toHaveLength(MAX_ELEMENTS);
  });

  test('says what is wrong', () => {
    expect(() => parseSelection('x=3', layout)).toThrow(
      'Range: "x=3" is not understood; expected such as "e=0:1 n=0 k=0" with the dimensions e, n, k.',
    );
    expect(() => parseSelection('n=5000:6000', layout)).toThrow(
      'Range of n: 5000:6000 is empty or outside; there are 0 to 5759.',
    );
    expect(() => parseSelection('k=4:4', layout)).toThrow('Range of k: 4:4 is empty or outside');
  });

  test('a block around an element begins at its multiple and ends with the tensor', () => {
    expect(blockAround(layout, [3, 517, 2879], 16, 64)).toEqual([
      [3, 4],
      [512, 528],
      [2816, 2880],
    ]);
    expect(blockAround(subjectOf('x-scale-rm').tensor.layout, [20, 37])).toEqual([
      [16, 21],
      [32, 38],
    ]);
  });
});

describe('CSV', () => {
  test.each(PRESETS.map(({ id }) => [id]))('%s: every field is the one of elementFacts', (id) => {
    const subject = subjectOf(id);
    const { tensor, scale, registers } = subject;
    const origin = tensor.layout.shape.map((size) => Math.floor(size / 3));
    const coords = selectionCoords(blockAround(tensor.layout, origin, 4, 8));
    const [header = '', ...lines] = csvOf(subject, coords).trimEnd().split('\n');
    const names = tensor.layout.dims.map(({ name }) => name);
    expect(header).toBe(
      `${names.join(',')},offset,byte,bit,code,value,scale,dequantised,tile,lane,vgpr,byte_in_register,nibble`,
    );
    expect(lines).toHaveLength(coords.length);
    coords.forEach((coord, at) => {
      const facts = elementFacts(tensor, coord, { scale, registers });
      const { location, place } = facts;
      const row = Object.fromEntries(
        (lines[at] ?? '').split(',').map((field, column) => [header.split(',')[column], field]),
      );
      const text = (value: number | undefined): string =>
        value === undefined ? '' : Object.is(value, -0) ? '-0' : String(value);
      expect(row).toEqual({
        ...Object.fromEntries(names.map((name, axis) => [name, String(coord[axis])])),
        offset: text(location.offset),
        byte: text(location.byte),
        bit: text(location.bit),
        code: codeText(tensor.type, facts.code),
        value: text(facts.value),
        scale: text(facts.scale?.value),
        dequantised: text(facts.dequantised),
        tile: text(place?.tile),
        lane: text(place?.lane),
        vgpr: text(place?.vgpr),
        byte_in_register: text(place?.byte),
        nibble: text(place?.nibble),
      });
    });
  });

  test('memory order sorts by address', () => {
    const subject = subjectOf('weight-fp8');
    const coords = selectionCoords(blockAround(subject.tensor.layout, [0, 0], 16, 32));
    const offsets = csvOf(subject, coords, 'memory')
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => Number(line.split(',')[2]));
    expect(offsets).toEqual(Array.from({ length: 512 }, (_, at) => at));
  });
});

describe('markdown', () => {
  test('pinned elements', () => {
    const subject = subjectOf('weight-fp4');
    const text = markdownOfElements(subject, [[17, 97]], 'https://example.org/#v=1');
    const facts = elementFacts(subject.tensor, [17, 97], { scale: subject.scale, registers: subject.registers });
    expect(text).toContain(`0x${facts.location.byte.toString(16)} high nibble`);
    expect(text).toContain(facts.place === undefined ? 'no place' : registerText(facts.place, 4));
    expect(text).toMatchInlineSnapshot(`
      "**Preshuffled weight, gate and up separated**, e2m1 [64, 256], \`n=(n0:4 n1:16) k=(k0:4 k1:2 k2:32) -> n0 k0 k1 n1 k2\`

      | element | code | value | scale | dequantised | byte | 16-byte line | lane | register |
      | --- | --- | --- | --- | --- | --- | --- | --- | --- |
      | n=17 k=97 | 0x7 | 6 | 2^-8 | 0.0234375 | 0xb10 high nibble | 0xb1 | 49 | v0[7:4] |

      [Open in preshuffle](https://example.org/#v=1)
      "
    `);
  });

  test('a tile', () => {
    const subject = subjectOf('weight-fp8');
    const { layout } = subject.tensor;
    expect(
      markdownOfTile(subject, parseSelection('n=16:19 k=14:18', layout), 'lane', 'https://example.org/#v=1'),
    ).toMatchInlineSnapshot(`
      "**Preshuffled weight, gate and up separated**, e4m3fn [64, 128], \`n=(n0:4 n1:16) k=(k0:4 k1:2 k2:16) -> n0 k0 k1 n1 k2\`

      lane of each element

      | n \\\\ k | 14 | 15 | 16 | 17 |
      | --- | --- | --- | --- | --- |
      | **16** | 0 | 0 | 16 | 16 |
      | **17** | 1 | 1 | 17 | 17 |
      | **18** | 2 | 2 | 18 | 18 |

      [Open in preshuffle](https://example.org/#v=1)
      "
    `);
    const fp4 = subjectOf('gpt-oss-w13');
    expect(
      markdownOfTile(fp4, parseSelection('e=3 n=0:2 k=30:34', fp4.tensor.layout), 'byte', 'L'),
    ).toMatchInlineSnapshot(`
      "**Preshuffled weight, gate and up separated**, e2m1 [128, 5760, 2880], \`e=(e:128) n=(n0:360 n1:16) k=(k0:45 k1:2 k2:32) -> e n0 k0 k1 n1 k2\`

      byte of each element at e=3

      | n \\\\ k | 30 | 31 | 32 | 33 |
      | --- | --- | --- | --- | --- |
      | **0** | 0x17bb00f.lo | 0x17bb00f.hi | 0x17bb100.lo | 0x17bb100.hi |
      | **1** | 0x17bb01f.lo | 0x17bb01f.hi | 0x17bb110.lo | 0x17bb110.hi |

      [Open in preshuffle](L)
      "
    `);
  });

  test('rows have as many fields as the header, and no more than 32', () => {
    const subject = subjectOf('deepseek-weight');
    for (const cell of ['byte', 'lane', 'code', 'value'] as const) {
      const lines = markdownOfTile(subject, wholeTensor(subject.tensor.layout), cell, 'L').split('\n');
      const rows = lines.filter((line) => line.startsWith('|'));
      expect(rows).toHaveLength(34);
      expect(new Set(rows.map((row) => row.replaceAll('\\\\', '').split('|').length))).toEqual(new Set([35]));
    }
  });
});
