import { expect, it } from 'vitest';
import { sampleOf, type Target } from '../../../src/diagnosis/search.ts';
import { symptomsOf } from '../../../src/diagnosis/symptoms.ts';
import { range } from '../../../src/diagnosis/take.ts';
import { definitionOf } from '../../../src/ops/registry.ts';
import { probeCall } from '../../../src/probe/probe-call.ts';
import { asBytes, tensor } from '../../../src/tensor/make.ts';
import { asU16 } from '../../../src/tensor/views.ts';

const call = probeCall({ op: 'gemm_a8w8_blockscale', data: 'random', sizes: { m: 12, n: 384, k: 256 } });
const right = definitionOf(call.op).reference(call.params, call.operands)['y'];

/** Outputs with other signs in some places. */
function target(isWrong: (row: number, column: number) => boolean): Target {
  if (right === undefined) throw new Error('internal: no y');
  const codes = asU16(right).map((code, index) =>
    isWrong(Math.floor(index / 384), index % 384) ? code ^ 0x8000 : code,
  );
  return { call, outputs: { y: tensor('y', 'bf16', right.layout, asBytes(codes)) }, names: ['y'] };
}

const window = {
  rowCount: 12,
  rows: [0, 4, 7, 11],
  columnCount: 384,
  columns: range(256).map((at) => (at < 128 ? at : at + 128)),
};

it('says of a sample what was looked at, by the numbers of the whole output', () => {
  const wrong = target((row, column) => row === 7 && column >= 256);
  expect(symptomsOf(wrong, sampleOf(wrong, window))).toEqual([
    '128 of 1024 elements of y that were looked at (4 of 12 rows and 256 of 384 columns) are wrong (12.5 %).',
    'All that is wrong lies in row 7; every other row looked at is right.',
    'All that is wrong lies in columns 256..383; every other column looked at is right.',
    'What is wrong is the negative of what was expected (100 % of its large elements).',
  ]);
});

it('says nothing of a sample that is right', () => {
  const fine = target(() => false);
  expect(symptomsOf(fine, sampleOf(fine, window))).toEqual([]);
});

it('looks at whole outputs where it is known what should have come out', () => {
  const wrong = target((row) => row === 5);
  const observation = { ...call, actual: wrong.outputs, expected: { y: right as NonNullable<typeof right> } };
  expect(symptomsOf(wrong, sampleOf(wrong, window), observation)[0]).toMatch(
    /^3[78]\d of 4608 elements of y are wrong \(8\.\d %\)\.$/,
  );
  // Of what the sample does not hold nothing is known.
  expect(symptomsOf(wrong, sampleOf(wrong, window))).toEqual([]);
});
