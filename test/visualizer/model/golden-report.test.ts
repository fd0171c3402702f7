import { describe, expect, it } from 'vitest';
import { parseReport } from '../../../src/visualizer/model/golden-report.ts';
import { faultyReport, incidentReport } from '../golden-reports.ts';

const metrics = {
  elements: 4,
  mismatches: 2,
  equal: 0.5,
  maxAbs: 1,
  maxRel: null,
  maxUlp: 3,
  cosine: 1,
  boundUsed: null,
};
const map = {
  type: 'u8',
  layout: 'row-major',
  dims: [
    { name: 'm', size: 2 },
    { name: 'n', size: 2 },
  ],
  matrixDims: 0,
  matrices: 1,
  rows: 2,
  columns: 2,
  cell: [1, 1],
  grid: [2, 2],
  shown: [{ matrix: 0, mismatches: [0, 0, 1, 1], elements: [1, -3] }],
  perMatrix: { mismatches: [2], elements: [4] },
  parity16: [],
  blocks: [],
  padding: { mismatches: 0, elements: 0 },
  skew: [],
  worst: [
    {
      coord: [1, 0],
      offset: 2,
      byte: 2,
      expected: { code: '0x00', value: 0 },
      actual: { code: '0x03', value: 3 },
      ulp: 3,
    },
  ],
};
const tensor = { ...metrics, label: 'y', op: 'permute', tensor: 'y', first: null, map };
const result = {
  case: 'c',
  file: 'f',
  op: 'permute',
  backend: 'cpu',
  status: 'fail',
  reason: 'y differs',
  metrics: { ...metrics, ms: 1, tensors: [tensor] },
  diagnosis: [],
};
const good = {
  backend: { id: 'cpu', device: 'JS' },
  cases: 1,
  passed: 0,
  failed: 1,
  skipped: 0,
  invalid: 0,
  results: [result],
};

const parse = (value: unknown) => parseReport(JSON.stringify(value), 'r.json');
const withTensor = (fields: object) => ({
  ...good,
  results: [{ ...result, metrics: { ...metrics, ms: 1, tensors: [{ ...tensor, ...fields }] } }],
});
const withMap = (fields: object) => withTensor({ map: { ...map, ...fields } });

it('reads one backend or a list of them, and unpacks counts', () => {
  const report = parse(good);
  expect(report).toMatchObject({ name: 'r.json', isWithoutMaps: false });
  expect(report.backends).toHaveLength(1);
  const read = report.backends[0]?.results[0]?.metrics?.tensors[0]?.map;
  expect(read?.shown).toEqual([{ matrix: 0, mismatches: [0, 0, 1, 1], elements: [1, 1, 1, 1] }]);
  expect(read?.worst[0]).toMatchObject({ measure: 'ulp', severity: 3, isGoldenWrong: false, allowed: undefined });
  expect(parse([good, good]).backends).toHaveLength(2);
});

it('reads what verify writes: incidents, and a device with faults beside one that is not there', async () => {
  const incidents = parse(await incidentReport());
  expect(incidents.backends[0]?.counts).toEqual({ pass: 0, fail: 17, skip: 0 });
  const faulty = parse(await faultyReport());
  expect(faulty.backends.map(({ id, device, error, counts }) => [id, device === null, error, counts.fail])).toEqual([
    ['cpu', false, undefined, 0],
    ['webgpu', true, 'no adapter', 0],
    ['hip', false, undefined, 5],
  ]);
});

it('accepts reports from before there were maps and says so', () => {
  const { map: _, ...old } = tensor;
  const report = parse({ ...good, results: [{ ...result, metrics: { ...metrics, ms: 1, tensors: [old] } }] });
  expect(report.isWithoutMaps).toBe(true);
});

describe('says what is wrong', () => {
  it.each([
    ['', 'r.json: empty, expected the object, or the list of objects, that "preshuffle verify --json" prints.'],
    [
      '<testsuites/>',
      'r.json: this is XML or HTML, expected JSON. Write it with "preshuffle verify --json > report.json".',
    ],
    ['[]', /^r\.json: the text is a list of 0, expected the object, or the list of objects/],
    ['7', /^r\.json: the text is 7, expected the object, or the list/],
    ['{"name":"preshuffle"}', /^r\.json: backend is missing, expected an object with id and device\./],
    ['{"a":', /^r\.json: not JSON \(.+\), expected the object/],
  ])('%s', (text, message) => {
    expect(() => parseReport(text, 'r.json')).toThrow(message);
  });

  it.each([
    [{ ...good, passed: '0' }, 'r.json: passed is "0", expected a whole number, 0 or more.'],
    [{ ...good, results: {} }, 'r.json: results is an object, expected a list.'],
    [{ ...good, failed: 3 }, 'r.json: results has 1 of status "fail", but the report counts 3.'],
    [
      { ...good, results: [{ ...result, status: 'broken' }] },
      'r.json: results[0].status is "broken", expected "fail", "skip", "pass".',
    ],
    [{ ...good, results: [{ ...result, op: undefined }] }, 'r.json: results[0].op is missing, expected a string.'],
    [withTensor({ maxUlp: 'x' }), 'r.json: results[0].metrics.tensors[0].maxUlp is "x", expected a number or null.'],
    [
      withMap({ grid: [2, 3] }),
      'r.json: results[0].metrics.tensors[0].map.grid is [2,3], expected [2,2], the cells of 2 x 2 elements.',
    ],
    [
      withMap({ shown: [{ matrix: 0, mismatches: [0, -1e9], elements: [1, -3] }] }),
      'r.json: results[0].metrics.tensors[0].map.shown[0].mismatches holds 1000000001 counts, expected 4.',
    ],
    [
      withMap({ perMatrix: { mismatches: [5], elements: [4] } }),
      'r.json: results[0].metrics.tensors[0].map.perMatrix.mismatches counts more mismatches than compared elements.',
    ],
    [
      withMap({ matrices: 2 }),
      'r.json: results[0].metrics.tensors[0].map.matrices is 2, expected 1, the product of the leading dims.',
    ],
    [
      withMap({ worst: [{ ...map.worst[0], coord: [1] }] }),
      'r.json: results[0].metrics.tensors[0].map.worst[0].coord is a list of 1, expected 2 indices.',
    ],
  ])('case %#', (value, message) => {
    expect(() => parse(value)).toThrow(message);
  });

  it('in the backend of a list', () => {
    expect(() => parse([good, { ...good, skipped: -1 }])).toThrow(
      'r.json: [1].skipped is -1, expected a whole number, 0 or more.',
    );
  });
});
