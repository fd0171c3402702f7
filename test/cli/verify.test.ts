import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { preshuffle } from '../helpers/cli.ts';
import { goldenCases } from '../helpers/golden-edit.ts';

let folder = '';
const write = (name: string, bytes: Uint8Array): string => {
  const file = path.join(folder, name);
  writeFileSync(file, bytes);
  return file;
};

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-verify-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a file whose cases hold', () => {
  it('exits with 0 and prints a table', () => {
    const file = write(
      'good.safetensors',
      goldenCases('shuffle.safetensors', 'weight_fp8_48x128', 'scale_100x11').bytes(),
    );
    const { status, stdout, stderr } = preshuffle(['verify', file, '--backend', 'cpu']);
    expect(status).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^cpu {2}JavaScript reference \(Node [\d.]+\)$/m);
    expect(stdout).toMatch(/^shuffle_weight +1 +0 +0 +6,144 +100 % +0 +exact/m);
    expect(stdout).toContain('2 cases: 2 passed, 0 failed, 0 skipped');
  });

  it('prints one JSON object for one backend, an array for several', () => {
    const file = write('json.safetensors', goldenCases('shuffle.safetensors', 'weight_fp8_16x32').bytes());
    const one = JSON.parse(preshuffle(['verify', file, '--backend', 'cpu', '--json']).stdout);
    expect(one).toMatchObject({ backend: { id: 'cpu' }, cases: 1, passed: 1, failed: 0, skipped: 0 });
    expect(one.results).toEqual([
      expect.objectContaining({
        case: 'weight_fp8_16x32',
        file,
        op: 'shuffle_weight',
        backend: 'cpu',
        status: 'pass',
        reason: '',
        diagnosis: [],
      }),
    ]);
    expect(one.results[0].metrics).toMatchObject({
      elements: 512,
      mismatches: 0,
      equal: 1,
      maxAbs: 0,
      maxUlp: 0,
      cosine: 1,
    });
    const two = JSON.parse(preshuffle(['verify', file, '--backend', 'cpu,webgpu', '--json']).stdout);
    expect(two.map((report: { backend: { id: string } }) => report.backend.id)).toEqual(['cpu', 'webgpu']);
    expect(two[1].passed).toBe(1);
  });

  it('reads a directory, and only its safetensors files', () => {
    const directory = mkdtempSync(path.join(folder, 'directory-'));
    writeFileSync(
      path.join(directory, 'a.safetensors'),
      goldenCases('shuffle.safetensors', 'weight_fp8_16x32').bytes(),
    );
    writeFileSync(path.join(directory, 'notes.txt'), 'no golden file');
    expect(JSON.parse(preshuffle(['verify', directory, '--backend', 'cpu', '--json']).stdout).cases).toBe(1);
  });

  it('writes reports beside the table', () => {
    const file = write('reports.safetensors', goldenCases('shuffle.safetensors', 'weight_fp8_16x32').bytes());
    const [junit, html] = [path.join(folder, 'report.xml'), path.join(folder, 'report.html')];
    expect(preshuffle(['verify', file, '--backend', 'cpu', '--junit', junit, '--html', html]).status).toBe(0);
    expect(readFileSync(junit, 'utf8')).toContain('<testcase classname="shuffle_weight" name="weight_fp8_16x32"');
    expect(readFileSync(html, 'utf8')).toContain('1 cases: 1 passed, 0 failed, 0 skipped');
    const { status, stderr } = preshuffle([
      'verify',
      file,
      '--backend',
      'cpu',
      '--html',
      path.join(folder, 'none', 'x.html'),
    ]);
    expect(status).toBe(2);
    expect(stderr).toContain('cannot be written: ENOENT');
  });

  it('selects by op', () => {
    const report = JSON.parse(
      preshuffle(['verify', 'test/golden/shuffle.safetensors', '--op', 'shuffle_scale', '--backend', 'cpu', '--json'])
        .stdout,
    );
    expect(report.cases).toBe(8);
  });
});

describe('a fault in one byte of an expected tensor', () => {
  it.each(['cpu', 'webgpu'])('exits with 1 on %s and names case, coordinate and both values', (backend) => {
    const golden = goldenCases('shuffle.safetensors', 'weight_fp8_48x128', 'weight_fp8_16x32');
    const y = golden.tensors.get('weight_fp8_48x128/y');
    if (y === undefined) throw new Error('missing');
    const before = y.bytes[2584] as number;
    y.bytes[2584] = before ^ 0xff;
    const file = write(`fault-${backend}.safetensors`, golden.bytes());
    const { status, stdout } = preshuffle(['verify', file, '--backend', backend]);
    const hex = (code: number): string => `0x${code.toString(16).padStart(2, '0')}`;
    expect(status).toBe(1);
    expect(stdout).toContain('FAIL weight_fp8_48x128');
    expect(stdout).toContain('y: 1 of 6144 elements differ from "y"; first at [17, 40] (offset 2584, byte 2584)');
    expect(stdout).toContain(`expected ${hex(before ^ 0xff)}`);
    expect(stdout).toContain(`got ${hex(before)}`);
    expect(stdout).toContain('2 cases: 1 passed, 1 failed, 0 skipped');
  });

  it.each([
    ['gemm.safetensors', 'a8w8_blockscale_16x256x512', 'y_triton', 1],
    ['gemm.safetensors', 'a8w8_blockscale_16x256x512', 'y_f64', 6],
    ['fused.safetensors', 'rms_group_3x512_res1', 'norm', 1],
    ['fused.safetensors', 'rms_group_3x512_res1', 'y0', 0],
    ['fused.safetensors', 'flatten_group_3x4x128', 'y1', 0],
    ['moe.safetensors', 'fused_swiglu_5_4_2_64_128', 'y', 1],
    ['moe.safetensors', 'sorting_5_4_2_4', 'sorted_ids', 3],
    ['gfx950.safetensors', 'amd_mxfp4_gemm_32x128_32x128x512', 'y', 1],
    ['quant.safetensors', 'mxfp4_Even_bf16_4x256', 'y', 0],
    ['ue8m0.safetensors', 'dg_block_ue1_4x512', 'scale', 3],
    ['formats.safetensors', 'decode_e8m0', 'f32', 3],
  ])('is found in %s %s/%s', (source, name, tensor, byte) => {
    const golden = goldenCases(source, name);
    const target = golden.tensors.get(`${name}/${tensor}`);
    if (target === undefined) throw new Error('missing');
    const element = { U8: 1, I16: 2, F32: 4, I32: 4, F64: 8 }[target.dtype as 'U8'];
    const at = Math.floor(target.bytes.length / element / 2) * element + byte;
    target.bytes[at] = (target.bytes[at] as number) ^ 0x41;
    const { status, stdout } = preshuffle(['verify', write('fault.safetensors', golden.bytes()), '--backend', 'cpu']);
    expect(stdout).toContain(`differ from "${tensor}"`);
    expect(status).toBe(1);
  });
});

describe('a case that cannot be used', () => {
  const good = 'weight_fp8_16x32';
  const verify = (bytes: Uint8Array) => preshuffle(['verify', write('bad.safetensors', bytes), '--backend', 'cpu']);

  it('unknown op: exit 2, the others run', () => {
    const golden = goldenCases('shuffle.safetensors', good);
    golden.metadata['case:odd'] = JSON.stringify({ op: 'shuffle_wieght' });
    const { status, stdout } = verify(golden.bytes());
    expect(status).toBe(2);
    expect(stdout).toContain('case "odd": op "shuffle_wieght" is unknown. Known ops: act_mul_and_fp8_group_quant, ');
    expect(stdout).toContain('2 cases: 1 passed, 1 failed, 0 skipped');
  });

  it('missing tensor: exit 2, the others run', () => {
    const golden = goldenCases('shuffle.safetensors', good, 'weight_fp8_48x128');
    golden.tensors.delete('weight_fp8_48x128/y');
    const { status, stdout } = verify(golden.bytes());
    expect(status).toBe(2);
    expect(stdout).toContain(
      'case "weight_fp8_48x128": tensor "weight_fp8_48x128/y" is missing. The file has weight_fp8_48x128/x; op "shuffle_weight" needs it.',
    );
    expect(stdout).toContain('2 cases: 1 passed, 1 failed, 0 skipped');
  });

  it('truncated file: exit 2, other files run', () => {
    const whole = goldenCases('shuffle.safetensors', good).bytes();
    const directory = mkdtempSync(path.join(folder, 'cut-'));
    writeFileSync(path.join(directory, 'a.safetensors'), whole.subarray(0, whole.length - 10));
    writeFileSync(path.join(directory, 'b.safetensors'), whole);
    const { status, stdout } = preshuffle(['verify', directory, '--backend', 'cpu']);
    expect(status).toBe(2);
    expect(stdout).toContain('declares 1024 bytes of tensors, but only 1014 follow the header. The file is cut off;');
    expect(stdout).toContain('2 cases: 1 passed, 1 failed, 0 skipped');
  });

  it.each([
    ['{', 'metadata is not JSON:'],
    ['[1]', 'metadata is [1], expected a JSON object with "op".'],
    ['{"shape":[1]}', '"op" is missing, expected the name of an op.'],
    ['{"op":"shuffle_weight","dtype":"int3"}', 'parameter "dtype" is "int3", expected one of u8, '],
    ['{"op":"shuffle_weight","layout":[16]}', 'parameter "layout" is [16], expected a list of 2 positive integers.'],
    ['{"op":"none"}', 'op "none" is for cases that hold tensors for others, but this one has none.'],
  ])('metadata %s', (text, message) => {
    const golden = goldenCases('shuffle.safetensors', good);
    golden.metadata['case:odd'] = text;
    const { status, stdout } = verify(golden.bytes());
    expect(status).toBe(2);
    expect(stdout).toContain(`case "odd": ${message}`);
  });

  it('a shape that the layout rejects', () => {
    const golden = goldenCases('shuffle.safetensors', good);
    const x = golden.tensors.get(`${good}/x`);
    if (x === undefined) throw new Error('missing');
    golden.tensors.set(`${good}/x`, { ...x, shape: [32, 16] });
    const { status, stdout } = verify(golden.bytes());
    expect(status).toBe(2);
    expect(stdout).toContain(
      'shuffle_weight(16,16) does not accept shape [32, 16]: k = 16 is not a multiple of 32 (16 % 32 == 16).',
    );
  });

  it('a file without cases', () => {
    const golden = goldenCases('shuffle.safetensors', good);
    delete golden.metadata[`case:${good}`];
    golden.metadata['torch'] = '2.11';
    expect(verify(golden.bytes()).stdout).toContain('holds no case: no key of __metadata__ starts with "case:".');
  });
});

/** No AMD GPU, whatever this machine has. */
const NO_HIP = { PRESHUFFLE_HIP_LIBRARY: '/nowhere/libamdhip64.so.7' };

describe('a backend that is not there', () => {
  it('exits with 3 and says why', () => {
    const { status, stdout, stderr } = preshuffle(['verify', 'test/golden', '--backend', 'hip'], NO_HIP);
    expect(status).toBe(3);
    expect(stdout).toBe('');
    expect(stderr).toContain(
      'backend "hip" is not available: the HIP runtime library that PRESHUFFLE_HIP_LIBRARY names cannot be used.',
    );
    expect(stderr).toContain('/nowhere/libamdhip64.so.7: not found');
  });

  it('still runs the others and reports both in JSON', () => {
    const file = write('three.safetensors', goldenCases('shuffle.safetensors', 'weight_fp8_16x32').bytes());
    const { status, stdout } = preshuffle(['verify', file, '--backend', 'cpu,hip', '--json'], NO_HIP);
    expect(status).toBe(3);
    const [cpu, hip] = JSON.parse(stdout);
    expect(cpu).toMatchObject({ backend: { id: 'cpu' }, passed: 1 });
    expect(hip).toMatchObject({
      backend: { id: 'hip', device: null },
      cases: 0,
      error: expect.stringContaining('not available'),
    });
  });

  it('is left out silently when nothing was asked for', () => {
    const file = write('all.safetensors', goldenCases('shuffle.safetensors', 'weight_fp8_16x32').bytes());
    const { status, stderr } = preshuffle(['verify', file], NO_HIP);
    expect(status).toBe(0);
    expect(stderr).toContain('hip: left out: the HIP runtime library that PRESHUFFLE_HIP_LIBRARY names');
  });
});

describe('a bad command line', () => {
  it.each([
    [
      ['verify', 'no-such-folder'],
      'preshuffle: "no-such-folder" does not exist. Name a directory of golden .safetensors files, or such files.',
    ],
    [
      ['verify', 'test/golden', '--backend', 'cuda'],
      'preshuffle: backend "cuda" is unknown, expected cpu, webgpu, hip.',
    ],
    [['verify', 'test/golden', '--op', 'gem'], 'preshuffle: --op: op "gem" is unknown. Known ops: '],
    [
      ['verify', 'test/golden', '--backend', 'cpu,'],
      'preshuffle: "cpu," has an empty entry; separate names by single commas.',
    ],
    [['verify', 'examples'], 'preshuffle: directory "examples" holds no .safetensors file.'],
    [['verify', 'test/golden', '--jsn'], "error: unknown option '--jsn'"],
    [['verfy'], "error: unknown command 'verfy'"],
    [
      ['verify', 'test/golden/shuffle.safetensors', '--op', 'encode'],
      'preshuffle: no case of these files has op encode;',
    ],
  ])('%j', (args, message) => {
    const { status, stderr } = preshuffle(args);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });

  it('suggests the nearest option and command', () => {
    expect(preshuffle(['verify', '--jsn']).stderr).toContain('(Did you mean --json?)');
    expect(preshuffle(['verfy']).stderr).toContain('(Did you mean verify?)');
  });

  it('prints help and version with exit code 0', () => {
    expect(preshuffle(['--help'])).toMatchObject({ status: 0, stdout: expect.stringContaining('verify') });
    expect(preshuffle(['verify', '--help']).stdout).toContain('Exit codes: 0 all held');
    expect(preshuffle(['--version']).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

it('lists devices', () => {
  const { status, stdout } = preshuffle(['devices'], NO_HIP);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^cpu {2}available/m);
  expect(stdout).toMatch(/^webgpu {2}available/m);
  expect(stdout).toMatch(/^hip {2}not available/m);
  expect(stdout).toContain('tried /nowhere/libamdhip64.so.7: not found');
});

describe('the mistake behind a wrong output', () => {
  const name = 'weight-plain-read-shuffled__gemm_a8w8_blockscale_bpreshuffle';
  const file = (): string => write('incident.safetensors', goldenCases('fp8-incidents.safetensors', name).bytes());
  const verify = (...args: readonly string[]) =>
    preshuffle(['verify', file(), '--wrong-way', '--backend', 'cpu', ...args]);

  it('is named under the case, in JSON and in every report', () => {
    const [junit, html, markdown] = ['d.xml', 'd.html', 'd.md'].map((report) => path.join(folder, report)) as [
      string,
      string,
      string,
    ];
    const { status, stdout } = verify('--junit', junit, '--html', html, '--markdown', markdown);
    expect(status).toBe(1);
    expect(stdout).toContain(
      '     DIAGNOSIS [weight-plain-read-shuffled] (100 % of 320 elements match): output equals the reference if a plain\n' +
        '       weight goes to a kernel that reads shuffled ones.\n     remedy: Call shuffle_weight(w, (16, 16)) when',
    );
    const [first] = JSON.parse(verify('--json').stdout).results[0].diagnosis;
    expect(first).toBe(
      'DIAGNOSIS [weight-plain-read-shuffled] (100 % of 320 elements match): output equals the reference if a plain weight goes to a kernel that reads shuffled ones.',
    );
    expect(readFileSync(junit, 'utf8')).toContain(`\n${first}\nremedy: `);
    expect(readFileSync(html, 'utf8')).toContain(`<ul><li>${first}</li><li>remedy: `);
    expect(readFileSync(markdown, 'utf8')).toContain(
      `| \`${name}\` | \`gemm_a8w8_blockscale_bpreshuffle\` | 320 of 320 | ${first} |`,
    );
  });

  it('is not looked for with --no-diagnose', () =>
    expect(JSON.parse(verify('--json', '--no-diagnose').stdout).results[0].diagnosis).toEqual([]));
});
