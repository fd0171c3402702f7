import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeArray } from '../../src/formats/decode.ts';
import { writeNpy } from '../../src/io/npy.ts';
import { type TensorToWrite, writeSafetensors } from '../../src/io/safetensors-write.ts';
import { asBytes } from '../../src/tensor/make.ts';
import { type CliResult, preshuffle } from '../helpers/cli.ts';
import { goldenCases } from '../helpers/golden-edit.ts';
import { schemaErrors } from '../helpers/json-schema.ts';

const CASE = 'weight-plain-read-shuffled__gemm_a8w8_blockscale_bpreshuffle';
const OTHER = 'scale-dropped__gemm_a8w8_blockscale_bpreshuffle';
const MOE = 'moe-stale-pad__fused_moe_mxfp4';
const SHAPE = [5, 64];

let dir = '';
const at = (name: string): string => path.join(dir, name);
const diagnose = (...args: readonly string[]): CliResult => preshuffle(['diagnose', ...args]);
/** Without what changes from run to run. */
const plain = (text: string): string =>
  text.replaceAll(dir, 'DIR').replace(/[\d,]+ mistakes in [\d,]+ ways, [\d,]+ pairs; [\d,]+ ms/, 'MUCH');
const save = (name: string, bytes: Uint8Array): string => {
  writeFileSync(at(name), bytes);
  return at(name);
};
const tensors = (name: string, ...given: readonly TensorToWrite[]): string => save(name, writeSafetensors(given));
const tensorOf = (name: string, dtype: TensorToWrite['dtype'], shape: readonly number[], bytes: Uint8Array) => ({
  name,
  dtype,
  shape,
  bytes,
});

let right = new Uint8Array(0);
let wrong = new Uint8Array(0);
let wide = new Float32Array(0);

beforeAll(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-diagnose-'));
  const golden = goldenCases('fp8-incidents.safetensors', CASE);
  const bytesOf = (name: string): Uint8Array<ArrayBuffer> =>
    Uint8Array.from(golden.tensors.get(`${CASE}/${name}`)?.bytes ?? []);
  right = bytesOf('y');
  wrong = bytesOf('y_wrong');
  wide = Float32Array.from(decodeArray('bf16', new Uint16Array(wrong.buffer)));
  save('case.safetensors', golden.bytes());
  save('two.safetensors', goldenCases('fp8-incidents.safetensors', CASE, OTHER).bytes());
  save('moe.safetensors', goldenCases('moe-incidents.safetensors', MOE).bytes());
  tensors('y.safetensors', tensorOf('y', 'BF16', SHAPE, wrong));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('names the mistake, its origin and its remedy, on lines of at most 120 columns', () => {
  const { status, stdout, stderr } = diagnose(at('case.safetensors'), '--actual', at('y.safetensors'));
  expect(stderr).toBe('');
  expect(status).toBe(1);
  expect(plain(stdout)).toMatchInlineSnapshot(`
    "case        weight-plain-read-shuffled__gemm_a8w8_blockscale_bpreshuffle of
                DIR/case.safetensors, gemm_a8w8_blockscale_bpreshuffle
    actual      DIR/y.safetensors
    expected    weight-plain-read-shuffled__gemm_a8w8_blockscale_bpreshuffle/y

    DIAGNOSIS (100 % of 320 elements match): output equals the reference if a plain weight goes to a kernel that reads
    shuffled ones.

    cause       a plain weight goes to a kernel that reads shuffled ones [weight-plain-read-shuffled], weight layout
    remedy      Call shuffle_weight(w, (16, 16)) when the weight is loaded, before the first call of a bpreshuffle kernel.
    origin      SGLang: the table of shapes answered differently at load and at run time
    looks like  finite garbage for every number of tokens
    hidden by   a weight whose rows and columns are all alike
    look        preshuffle visualize '#v=1&screen=incidents&topic=weight-plain-read-shuffled'

    evidence                     match  wrong mended  right broken  to the bit
    as given                    0.00 %      0 of 320        0 of 0      0.00 %
    weight-plain-read-shuffled   100 %    320 of 320        0 of 0       100 %

    seen        All 320 elements of y are wrong.
    seen        What is wrong has nothing in common with what was expected (correlation -0.12 to 0.06 by rows, cosine 0.017
                in the middle one).

    searched    5 x 64 elements; MUCH
    "
  `);
  for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(120);
});

describe('what a kernel returned may come', () => {
  const found = (file: string): string => {
    const { status, stdout, stderr } = diagnose(at('case.safetensors'), '--actual', file);
    expect(stderr).toBe('');
    expect(status).toBe(1);
    return /\[([\w-]+)\]/.exec(stdout)?.[1] ?? '';
  };
  const id = 'weight-plain-read-shuffled';

  it('under the name of the case, as codes', () =>
    expect(found(tensors('a.safetensors', tensorOf(`${CASE}/y`, 'I16', SHAPE, wrong)))).toBe(id));

  it('among others', () =>
    expect(
      found(tensors('b.safetensors', tensorOf('x', 'U8', [4], new Uint8Array(4)), tensorOf('y', 'BF16', SHAPE, wrong))),
    ).toBe(id));

  it('under any name as FILE:TENSOR, and as the only tensor', () => {
    expect(found(`${at('case.safetensors')}:${CASE}/y_wrong`)).toBe(id);
    expect(found(tensors('c.safetensors', tensorOf('out.3', 'BF16', SHAPE, wrong)))).toBe(id);
  });

  it('wider, with a dimension of one, from npy', () => {
    expect(found(tensors('d.safetensors', tensorOf('y', 'F32', [1, ...SHAPE], asBytes(wide))))).toBe(id);
    expect(found(save('y.npy', writeNpy({ dtype: 'f4', shape: SHAPE, bytes: asBytes(wide) })))).toBe(id);
  });

  it('as raw bytes of its type', () => expect(found(save('y.bin', wrong))).toBe(id));
});

it('says that a right output is right, and exits with 0', () => {
  const file = tensors('right.safetensors', tensorOf('y', 'BF16', SHAPE, right));
  const { status, stdout } = diagnose(at('case.safetensors'), '--actual', file);
  expect(status).toBe(0);
  expect(stdout).toContain('CORRECT (100 % of 320 elements match): the output is what these operands give.');
});

it('gives one output of several by its shape', () => {
  const { status, stdout } = diagnose(at('moe.safetensors'), '--actual', `${at('moe.safetensors')}:${MOE}/y_wrong`);
  expect(status).toBe(1);
  expect(stdout).toContain('[moe-stale-pad]');
});

it('holds outputs against a file of the user', () => {
  const expected = tensors('expected.safetensors', tensorOf('y', 'BF16', SHAPE, wrong));
  const file = tensors('kept.safetensors', tensorOf('y', 'BF16', SHAPE, right));
  const { status, stdout } = diagnose(at('case.safetensors'), '--actual', file, '--expected', expected);
  expect(status).toBe(1);
  expect(plain(stdout)).toContain('expected    DIR/expected.safetensors');
  expect(stdout.replace(/\s+/g, ' ')).toContain('The kernel computed what these operands say');
});

describe('reports', () => {
  it('prints JSON by the schema', () => {
    const { status, stdout } = diagnose(at('case.safetensors'), '--actual', at('y.safetensors'), '--json');
    expect(status).toBe(1);
    const schema = JSON.parse(readFileSync('docs/diagnosis.schema.json', 'utf8'));
    const json = JSON.parse(stdout);
    expect(schemaErrors(schema, json)).toEqual([]);
    expect(json).toMatchObject({
      subject: { case: CASE, op: 'gemm_a8w8_blockscale_bpreshuffle', expected: `${CASE}/y` },
      verdict: 'explained',
      wrong: [{ output: 'y', elements: 320, wrong: 320 }],
    });
  });

  it('writes Markdown, HTML and JUnit', () => {
    const [markdown, html, junit] = [at('r.md'), at('r.html'), at('r.xml')];
    const reports = ['--markdown', markdown, '--html', html, '--junit', junit];
    expect(diagnose(at('case.safetensors'), '--actual', at('y.safetensors'), ...reports).status).toBe(1);
    expect(readFileSync(markdown, 'utf8')).toContain('**DIAGNOSIS (100 % of 320 elements match)**: output equals');
    expect(readFileSync(html, 'utf8')).toContain('<svg class="map"');
    expect(readFileSync(junit, 'utf8')).toContain(`name="${CASE}"`);
  });
});

describe('what cannot be diagnosed exits with 2', () => {
  const nan = new Uint8Array(640).map((_, index) => (index % 2 === 0 ? 0xc0 : 0x7f));
  it.each([
    [
      'no output',
      () => [at('case.safetensors')],
      '--actual is missing: give what your kernel returned for gemm_a8w8_blockscale_bpreshuffle on these operands, a safetensors file with y, ' +
        'or an npy file. "preshuffle probe" writes operands that tell mistakes apart, and a script that runs your kernel on them.',
    ],
    [
      'an unknown case',
      () => [at('two.safetensors'), '--case', 'scale-droped__gemm_a8w8_blockscale_bpreshuffle', '--actual', 'x'],
      `DIR/two.safetensors has no case "scale-droped__gemm_a8w8_blockscale_bpreshuffle". Did you mean ${OTHER}? It has ${OTHER}, ${CASE}.`,
    ],
    [
      'several cases',
      () => [at('two.safetensors'), '--actual', 'x'],
      `DIR/two.safetensors has 2 cases; name one with --case. It has ${OTHER}, ${CASE}.`,
    ],
    [
      'several cases of the op',
      () => [at('two.safetensors'), '--op', 'gemm_a8w8_blockscale_bpreshuffle', '--actual', 'x'],
      `DIR/two.safetensors: 2 cases run gemm_a8w8_blockscale_bpreshuffle; name one with --case. They are ${OTHER}, ${CASE}.`,
    ],
    [
      'several ops',
      () => ['test/golden/gemm.safetensors', '--case', 'a8w8_blockscale_16x256x512', '--actual', 'x'],
      'case "a8w8_blockscale_16x256x512" of test/golden/gemm.safetensors runs 2 ops; choose one with --op. They are gemm_a8w8_blockscale, gemm_a8w8_blockscale_bpreshuffle.',
    ],
    [
      'another op',
      () => [at('case.safetensors'), '--op', 'swiglu', '--actual', 'x'],
      `case "${CASE}" of DIR/case.safetensors runs gemm_a8w8_blockscale_bpreshuffle, not swiglu. Give one of these with --op.`,
    ],
    [
      'a file without cases',
      () => [at('y.safetensors'), '--actual', 'x'],
      'DIR/y.safetensors: holds no case: no key of __metadata__ starts with "case:". Declare each case as "case:<name>": "{\\"op\\": …}" (docs/golden-format.md).',
    ],
    [
      'a shape of another call',
      () => [at('case.safetensors'), '--actual', tensors('s.safetensors', tensorOf('y', 'BF16', [64, 5], wrong))],
      '--actual DIR/s.safetensors: "y" has shape [64, 5], but y of gemm_a8w8_blockscale_bpreshuffle on these operands is [5, 64]. ' +
        'Give the output of this very call, or the operands that belong to it. If it is transposed, save it with .T.contiguous().',
    ],
    [
      'a type that holds no results',
      () => [
        at('case.safetensors'),
        '--actual',
        tensors('t.safetensors', tensorOf('y', 'I32', SHAPE, new Uint8Array(1280))),
      ],
      '--actual DIR/t.safetensors: "y" is I32, but y of gemm_a8w8_blockscale_bpreshuffle is bf16. Save it as bf16, as a wider float, or its codes as 16-bit integers.',
    ],
    [
      'raw bytes of another length',
      () => [at('case.safetensors'), '--actual', save('short.bin', wrong.subarray(2))],
      '--actual DIR/short.bin: "short.bin" is 638 raw bytes, but y of gemm_a8w8_blockscale_bpreshuffle is bf16 [5, 64], which takes 640. Save it with its type as safetensors or npy.',
    ],
    [
      'no output among several tensors',
      () => [
        at('case.safetensors'),
        '--actual',
        tensors(
          'u.safetensors',
          tensorOf('a', 'U8', [1], new Uint8Array(1)),
          tensorOf('b', 'U8', [1], new Uint8Array(1)),
        ),
      ],
      '--actual DIR/u.safetensors: gemm_a8w8_blockscale_bpreshuffle has the output y, and no tensor is called so. It has a, b; name one as DIR/u.safetensors:TENSOR.',
    ],
    [
      'one tensor that may be any of several outputs',
      () => [at('moe.safetensors'), '--actual', save('any.bin', wrong)],
      '--actual DIR/any.bin: fused_moe_mxfp4 has several outputs, h, y, and neither the name nor the shape of "any.bin" says which it is. ' +
        'Save it in a safetensors file under the name of its output.',
    ],
    [
      'NaN everywhere',
      () => [at('case.safetensors'), '--actual', tensors('nan.safetensors', tensorOf('y', 'BF16', SHAPE, nan))],
      'diagnose gemm_a8w8_blockscale_bpreshuffle: all 320 elements of "y" are NaN, and no mistake can be told from that. ' +
        'Look for scale bytes of 255 and for float scales read as exponents, and run a probe, whose operands hold no NaN.',
    ],
    [
      'a tensor that is not there',
      () => [at('case.safetensors'), '--actual', `${at('y.safetensors')}:z`],
      'DIR/y.safetensors: has no tensor "z". It has y.',
    ],
    [
      'a report that cannot be written',
      () => [at('case.safetensors'), '--actual', at('y.safetensors'), '--html', at('none/r.html')],
      expect.stringContaining('the report "DIR/none/r.html" cannot be written: ENOENT'),
    ],
  ])('%s', (_, args, message) => {
    const { status, stderr } = diagnose(...args());
    expect(
      plain(stderr)
        .replace(/^preshuffle: /, '')
        .trimEnd(),
    ).toEqual(message);
    expect(status).toBe(2);
  });

  it('a budget that is no time', () => {
    const { status, stderr } = diagnose(at('case.safetensors'), '--budget', 'long');
    expect(stderr).toContain('"long" is not a time, expected seconds such as 10 or 0.5.');
    expect(status).toBe(2);
  });
});
