import { decodeArray } from '../../formats/decode.ts';
import { scaleColumnMajor } from '../../layout/activation-scale.ts';
import { rowMajor } from '../../layout/plain.ts';
import type { KernelCall } from '../../ops/kernel-call.ts';
import { definitionOf } from '../../ops/registry.ts';
import { storedAs } from '../../ops/shared/groups-output.ts';
import { PACKED_SCALES } from '../../ops/shared/groups-packed-scale.ts';
import { requireOperand } from '../../tensor/expect.ts';
import { storageBytes, tensor } from '../../tensor/make.ts';
import { storedIn, toRowMajor } from '../../tensor/relayout.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asF32, asI32 } from '../../tensor/views.ts';
import { type Hypothesis, type MistakenCall, singleVariant, type Variant } from '../hypothesis.ts';
import { takeRows } from '../take.ts';
import { relabelled } from './quant-scale.ts';
import { withOutput } from './stored-scale.ts';

const MN_MAJOR = 'pack_ue8m0_mn_major';
const TO_INT = 'pack_ue8m0_to_int';
const UNPACK = 'unpack_ue8m0_scale';
const CAST = 'deepgemm_per_token_cast_packed';

/** Mistakes with four exponents in an int32. */
export const UE8M0_PACKING_HYPOTHESES: readonly Hypothesis[] = [
  {
    id: 'ue8m0-word-reversed',
    title: 'the first exponent of an int32 is taken for the highest byte',
    family: 'scale layout',
    ops: [MN_MAJOR, TO_INT, UNPACK, CAST],
    symptom: 'scales of four neighbouring groups in reversed order',
    origin: 'derived: pack_ue8m0_to_int in DeepGEMM, whose first group is the lowest byte',
    evidence: 'derived',
    remedy: 'Shift the exponent of group j by 8 * j bits.',
    hiddenBy: 'neighbouring groups with the same exponent',
    variants: singleVariant((call) => repacked(call, (words) => words.map((word) => reversed(word)))),
  },
  {
    id: 'ue8m0-words-strided',
    title: 'an int32 holds exponents of groups that lie apart instead of four neighbours',
    family: 'scale layout',
    ops: [MN_MAJOR, TO_INT, UNPACK, CAST],
    symptom: 'the first scale of a row is right, most others belong to another group',
    origin: 'derived: a view of [rows, 4, G / 4] in place of [rows, G / 4, 4] before the bytes are joined',
    evidence: 'derived',
    remedy: 'Join neighbouring groups: scales.view(rows, G // 4, 4).',
    hiddenBy: 'at most four groups',
    variants: (call) => {
      const words = wordsOf(call);
      return words < 2
        ? []
        : [{ detail: '', make: () => repacked(call, (given) => strided(given, words, call.op === UNPACK)) }];
    },
  },
  {
    id: 'ue8m0-words-order',
    title: 'packed scales lie in another order than column by column, padded to 16 bytes',
    family: 'scale layout',
    ops: [MN_MAJOR, UNPACK],
    symptom: 'right with one row; with more, scales of other rows, and zeros where padding is read',
    origin:
      'derived: transform_sf_into_required_layout in DeepGEMM checks strides only; a row-major int32 passes where there is one column',
    evidence: 'derived',
    remedy: 'Call get_mn_major_tma_aligned_packed_ue8m0_tensor, and do not make the result contiguous.',
    hiddenBy: 'one int32 in a row (K up to 512), and rows that are a multiple of 4 for the padding',
    variants: wordOrders,
  },
  {
    id: 'ue8m0-missing-groups',
    title: 'exponents that a row lacks at its end are not 0',
    family: 'sharding and padding',
    ops: [MN_MAJOR, TO_INT, CAST],
    symptom: 'only the last int32 of each row differs, in bytes that no group owns',
    origin: 'derived: DeepGEMM pads with zeros; padding scales with 1 gives 127',
    evidence: 'derived',
    remedy: 'Pad exponents with 0 after the conversion, not scales with 1 before it.',
    hiddenBy: 'a number of groups that is a multiple of 4',
    variants: (call) =>
      [
        ['127, the exponent of 1', 127],
        ['the exponent of the last group', undefined],
      ].flatMap(([detail, byte]): Variant[] =>
        groupsIn(call) % PACKED_SCALES === 0
          ? []
          : [
              {
                detail: String(detail),
                make: () => repacked(call, (words) => filled(words, call, byte as number | undefined)),
              },
            ],
      ),
  },
  {
    id: 'ue8m0-rows-not-shared',
    title: 'rows that share a scale are not told from rows that do not (granMn)',
    family: 'scale layout',
    ops: [MN_MAJOR, UNPACK],
    symptom: 'the first scale is right, later rows have those of other blocks',
    origin: 'derived: recipe (1, 128, 128) of DeepGEMM: weight scales repeat for 128 rows, activation scales do not',
    evidence: 'derived',
    remedy: 'Pass the recipe of the operand: granMn 128 for 128x128 weight blocks, 1 for activations.',
    hiddenBy: 'one block of rows',
    variants: sharedRows,
  },
  {
    id: 'ue8m0-bytes-misread',
    title: 'bytes of exponents are read as something else',
    family: 'number format',
    ops: [UNPACK],
    symptom: 'scales around 120, or of 1e34 and infinite; or only zeros and NaN differ',
    origin:
      'SGLang issue 26306: packed exponents read as float32; derived: uint8 exponents converted to float32 as integers',
    evidence: 'reported',
    remedy:
      'Shift each byte into the exponent field (<< 23), or view the bytes as float8_e8m0fnu before the conversion.',
    hiddenBy: 'nothing',
    variants: (call) => [
      { detail: 'as integers', make: () => misread(call, (word, byte) => (word >>> (8 * byte)) & 255) },
      { detail: 'the int32 as float32', make: () => misread(call, (word) => asF32Bits(word)) },
      { detail: 'as e8m0, where 0 is 2^-127 and 255 is NaN', make: () => misread(call, e8m0Byte) },
    ],
  },
];

function groupsIn({ op, params, operands }: KernelCall): number {
  if (op === UNPACK) return (params as { readonly groups: number }).groups;
  const columns = operands['x']?.layout.shape.at(-1) ?? 1;
  return op === CAST ? Math.ceil(columns / 128) : columns;
}

function wordsOf(call: KernelCall): number {
  return Math.ceil(groupsIn(call) / PACKED_SCALES);
}

/** The call with its int32 words changed: those that it writes, or those that it reads. Row-major; the last axis is words of a row. */
function repacked(call: KernelCall, change: (words: Int32Array) => Int32Array): MistakenCall {
  const changed = (given: Tensor): Tensor => storedAs(given, change(asI32(toRowMajor(given))));
  if (call.op === UNPACK) {
    const x = requireOperand(call.op, call.operands, 'x');
    return { ...call, operands: { ...call.operands, x: changed(x) } };
  }
  const name = call.op === CAST ? 'scale' : 'y';
  return { ...call, finish: (outputs) => withOutput(outputs, name, changed) };
}

function reversed(word: number): number {
  return ((word & 255) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** Byte j of word p is group j * words + p. @param back from such words to ordinary ones as an unpacker takes them */
function strided(given: Int32Array, words: number, back: boolean): Int32Array {
  const bytes = new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  const out = new Int32Array(given.length);
  const outBytes = new Uint8Array(out.buffer);
  const width = words * PACKED_SCALES;
  for (let at = 0; at < bytes.length; at += 1) {
    const [row, column] = [Math.floor(at / width), at % width];
    const other = row * width + (column % PACKED_SCALES) * words + Math.floor(column / PACKED_SCALES);
    if (back) outBytes[other] = bytes[at] as number;
    else outBytes[at] = bytes[other] as number;
  }
  return out;
}

function filled(given: Int32Array, call: KernelCall, byte: number | undefined): Int32Array {
  const [groups, width] = [groupsIn(call), wordsOf(call) * PACKED_SCALES];
  const out = given.slice();
  const bytes = new Uint8Array(out.buffer);
  for (let row = 0; row < bytes.length; row += width)
    bytes.fill(byte ?? (bytes[row + groups - 1] as number), row + groups, row + width);
  return out;
}

function wordOrders(call: KernelCall): readonly Variant[] {
  const shape = (call.op === UNPACK ? call.operands['x'] : definitionOf(call.op).plan(call.params, call.operands)['y'])
    ?.layout.shape;
  if (shape?.length !== 2) return [];
  const orders = { 'row by row': () => rowMajor(shape), 'columns that are not padded': () => scaleColumnMajor(shape) };
  return Object.entries(orders).map(([detail, order]) => ({
    detail,
    make: () => {
      if (call.op !== UNPACK)
        return { ...call, finish: (outputs) => withOutput(outputs, 'y', (y) => relabelled(y, order())) };
      const x = requireOperand(call.op, call.operands, 'x');
      const taken = { type: x.type, layout: order() };
      const read = tensor(x.name, x.type, taken.layout, x.bytes.subarray(0, storageBytes(taken)), x.scaling);
      return { ...call, operands: { ...call.operands, x: storedIn(read, x.layout) } };
    },
  }));
}

function sharedRows(call: KernelCall): readonly Variant[] {
  const { granMn = 1 } = call.params as { readonly granMn?: number };
  const x = call.operands['x'];
  if (granMn === 1 || x === undefined || x.layout.shape.length !== 2) return [];
  if (call.op === UNPACK) {
    return [
      {
        detail: 'the first rows are taken',
        make: () => ({
          ...call,
          compute: (given) => {
            const { y } = definitionOf(UNPACK).reference({ ...given.params, granMn: 1 }, given.operands);
            const rows = Math.ceil((x.layout.shape[0] ?? 0) / granMn);
            const indices = Array.from({ length: rows }, (_, row) => row);
            return { y: takeRows(y as Tensor, indices) ?? (y as Tensor) };
          },
        }),
      },
    ];
  }
  const [rows = 1] = x.layout.shape;
  const { mn = rows * granMn } = call.params as { readonly mn?: number };
  const taking = (detail: string, from: (row: number) => number): Variant => ({
    detail,
    make: () => ({
      ...call,
      params: { mn },
      operands: {
        ...call.operands,
        x:
          takeRows(
            x,
            Array.from({ length: mn }, (_, row) => from(row)),
          ) ?? x,
      },
    }),
  });
  return [
    taking('each row has its own, the last is repeated', (row) => Math.min(row, rows - 1)),
    taking('in turn', (row) => row % rows),
  ];
}

/** The unpacked scales with another value of each byte. */
function misread(call: KernelCall, value: (word: number, byte: number) => number): MistakenCall {
  const { granMn = 1 } = call.params as { readonly granMn?: number };
  const x = requireOperand(call.op, call.operands, 'x');
  const [mn = 1, words = 1] = x.layout.shape.slice(-2);
  const groups = groupsIn(call);
  const rows = Math.ceil(mn / granMn);
  const given = asI32(toRowMajor(x));
  return {
    ...call,
    finish: (outputs) =>
      withOutput(outputs, 'y', (y) =>
        storedAs(
          y,
          asF32(y).map((_, index) => {
            const [batch, row, group] = [
              Math.floor(index / (rows * groups)),
              Math.floor(index / groups) % rows,
              index % groups,
            ];
            const at = (batch * mn + row * granMn) * words + Math.floor(group / PACKED_SCALES);
            return value(given[at] as number, group % PACKED_SCALES);
          }),
        ),
      ),
  };
}

function asF32Bits(word: number): number {
  return asFloat(Int32Array.of(word))[0] as number;
}

function asFloat(words: Int32Array): Float32Array {
  return new Float32Array(words.buffer);
}

function e8m0Byte(word: number, byte: number): number {
  return decodeArray('e8m0', Uint8Array.of((word >>> (8 * byte)) & 255))[0] as number;
}
