import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encode } from '../../src/formats/encode.ts';
import type { DumpReport } from '../../src/golden/compare-dumps-report.ts';
import { writeNpy } from '../../src/io/npy.ts';
import { type TensorToWrite, writeSafetensors } from '../../src/io/safetensors-write.ts';
import { shuffleWeight } from '../../src/layout/catalog.ts';
import { permute } from '../../src/layout/permute.ts';
import { rowMajor } from '../../src/layout/plain.ts';
import { asBytes } from '../../src/tensor/make.ts';
import { type CliResult, preshuffle } from '../helpers/cli.ts';

let dir = '';
const at = (name: string): string => path.join(dir, name);
const compare = (...args: readonly string[]): CliResult => preshuffle(['compare', ...args]);
/** The folder changes with each run. */
const plain = (text: string): string => text.replaceAll(dir, 'DIR');

const want = Float32Array.from({ length: 32 * 64 }, (_, index) => ((index * 2654435761) % 8191) / 1024 - 4);
const got = want.map((value, index) => (index % 64 >= 48 ? value + 1 : value));
const bf16 = (values: Float32Array): Uint8Array => asBytes(Uint16Array.from(values, (value) => encode('bf16', value)));
const tensorOf = (
  name: string,
  dtype: TensorToWrite['dtype'],
  shape: readonly number[],
  bytes: Uint8Array,
): TensorToWrite => ({ name, dtype, shape, bytes });

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'preshuffle-compare-'));
  const shape = [32, 64];
  const codes = Uint8Array.from({ length: 2048 }, (_, index) => (index * 37 + (index >> 6)) % 120);
  const shuffled = permute(codes, rowMajor(shape), shuffleWeight(shape, { bits: 8 }), 8);
  const save = (name: string, ...tensors: readonly TensorToWrite[]): Promise<void> =>
    writeFile(at(name), writeSafetensors(tensors));
  await save(
    'run.safetensors',
    tensorOf('mlp', 'BF16', shape, bf16(got)),
    tensorOf('attn', 'BF16', shape, bf16(want)),
    tensorOf('extra', 'F32', [1], new Uint8Array(4)),
  );
  await save(
    'ref.safetensors',
    tensorOf('mlp', 'F32', shape, asBytes(want)),
    tensorOf('attn', 'F32', shape, asBytes(want)),
    tensorOf('lost', 'F32', [1], new Uint8Array(4)),
  );
  await save(
    'turned.safetensors',
    tensorOf('mlp', 'F32', [64, 32], asBytes(want)),
    tensorOf('attn', 'F32', shape, asBytes(want)),
  );
  await save('w.safetensors', tensorOf('w', 'U8', shape, codes));
  await save('w-shuffled.safetensors', tensorOf('weight', 'U8', shape, shuffled));
  await writeFile(at('y.npy'), writeNpy({ dtype: 'f4', shape, bytes: asBytes(want) }));
  await writeFile(at('y.bin'), bf16(want));
  await writeFile(at('cut.safetensors'), writeSafetensors([tensorOf('w', 'U8', shape, codes)]).subarray(0, 900));
});

afterAll(() => rm(dir, { recursive: true }));

describe('compare', () => {
  it('shows one tensor in full: numbers, where, the worst elements, a heat map', () => {
    const { status, stdout, stderr } = compare(`${at('run.safetensors')}:mlp`, at('ref.safetensors'));
    expect([status, stderr]).toEqual([1, '']);
    expect(plain(stdout)).toMatchInlineSnapshot(`
      "A  DIR/run.safetensors:mlp
      B  DIR/ref.safetensors

      mlp  [32, 64]  bf16 row-major against f32 row-major
      FAIL  512 of 2,048 elements differ
        held by         |a - b| <= 0.00001 + 0.016 |b|; NaN equals NaN only, an infinity the same infinity, -0 equals +0
        equal codes     75.00 %, both rounded to bf16
        error           at most 1.02 absolute, 85.7 relative
        of tolerance    at most 5080
        ULP of bf16     at most 32255, for 99 % at most 32215
        likeness        cosine 0.977297, logits_diff 0.0229, NMSE 0.0469, SNR 13.3 dB
        signs           62 flipped, 0 zeros of the other sign
        NaN             0 in A, 0 in B, 0 in both
        infinite        0 in A, 0 in B, 0 in both
        tolerance       would pass with --rtol 85.7, or --atol 1.01, or --ulp 32255
        where           all 512 mismatches have column >= 48

        at        A                              B                                    error
        [17, 63]  1.015625 (0x3f82)   byte 2302  0.01171875 (0x3c400000)   byte 4604  5080 x
        [2, 53]   0.9726563 (0x3f79)  byte 362   -0.02636719 (0xbcd80000)  byte 724   2310 x
        [13, 62]  1.023438 (0x3f83)   byte 1788  0.02636719 (0x3cd80000)   byte 3576  2310 x
        [30, 49]  1.03125 (0x3f84)    byte 3938  0.02734375 (0x3ce00000)   byte 7876  2240 x
        [6, 54]   0.9609375 (0x3f76)  byte 876   -0.04101563 (0xbd280000)  byte 1752  1500 x

        row down, column across; a character is 2 x 1 elements
        share that differs: · none  ░ to 25 %  ▒ to 50 %  ▓ to 75 %  █ more
        row  0               16              32              48
          0  ················································████████████████
          2  ················································████████████████
          4  ················································████████████████
          6  ················································████████████████
          8  ················································████████████████
         10  ················································████████████████
         12  ················································████████████████
         14  ················································████████████████
         16  ················································████████████████
         18  ················································████████████████
         20  ················································████████████████
         22  ················································████████████████
         24  ················································████████████████
         26  ················································████████████████
         28  ················································████████████████
         30  ················································████████████████
      "
    `);
  });

  it('lines up whole files, and names what only one of them has', () => {
    const { status, stdout } = compare(at('run.safetensors'), at('ref.safetensors'));
    expect(status).toBe(1);
    const lines = stdout.split('\n');
    expect(lines.slice(3, 6)).toMatchInlineSnapshot(`
      [
        "tensor  type        shape          differ    equal  max abs  max rel  max ulp  SNR dB",
        "attn    bf16 / f32  32 x 64  pass       0    100 %  0.00781  0.00389        0    56.6",
        "mlp     bf16 / f32  32 x 64  FAIL     512  75.00 %     1.02     85.7    32300    13.3",
      ]
    `);
    expect(lines.slice(-4)).toEqual(['only in B: lost', 'only in A: extra', '1 of 2 tensors hold, 1 missing in A', '']);
  });

  it('holds a shuffled weight against the plain one', () => {
    const files = [at('w.safetensors'), at('w-shuffled.safetensors')];
    expect(compare(...files).status).toBe(1);
    const { status, stdout } = compare(...files, '--layout-b', 'shuffle_weight(16,16)', '--type', 'e4m3fn');
    expect(status).toBe(0);
    expect(stdout).toContain(
      'weight  [32, 64]  e4m3fn row-major against e4m3fn shuffle_weight(16,16)\npass  all 2,048 elements hold',
    );
  });

  it('reads raw dumps and npy', () => {
    expect(compare(at('y.bin'), at('y.npy'), '--type', 'bf16').status).toBe(0);
    expect(compare(at('y.bin'), at('y.bin'), '--type', 'bf16', '--shape', '32,64').status).toBe(0);
  });

  it('takes tolerances', () => {
    const files = [`${at('run.safetensors')}:mlp`, at('ref.safetensors')];
    expect(compare(...files, '--atol', '1.1').status).toBe(0);
    expect(compare(...files, '--atol', '0.5').status).toBe(1);
  });

  it('prints JSON', () => {
    const { status, stdout } = compare(at('run.safetensors'), at('ref.safetensors'), '--json');
    const report = JSON.parse(stdout) as DumpReport;
    expect(status).toBe(1);
    expect(report).toMatchObject({
      passed: false,
      onlyInA: ['extra'],
      onlyInB: ['lost'],
      warnings: [],
      tensors: [
        { name: 'attn', passed: true, maxUlp: 0, criterion: { kind: 'tolerance', rtol: 0.016 } },
        { name: 'mlp', passed: false, mismatches: 512, skew: ['all 512 mismatches have column >= 48'] },
      ],
    });
    expect(Object.keys(report.tensors[1] ?? {})).toContain('map');
  });

  it('writes reports, and leaves nothing else', async () => {
    const files = ['html', 'svg', 'markdown'].flatMap((kind) => [`--${kind}`, at(`report.${kind}`)]);
    expect(compare(at('run.safetensors'), at('ref.safetensors'), ...files).status).toBe(1);
    const read = (kind: string): string => readFileSync(at(`report.${kind}`), 'utf8');
    expect(read('html')).toMatch(/^<!doctype html>.*<svg class="map".*<\/html>\n$/s);
    expect(read('html')).not.toMatch(/(src|href)=/);
    expect(read('svg')).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg".*mlp: 512 of 2,048 elements differ/);
    expect(read('markdown')).toContain('| mlp | bf16 / f32 | 32 x 64 | FAIL | 512 |');
    expect((await readdir(dir)).filter((name) => name.includes('.tmp'))).toEqual([]);
    expect(compare(at('y.npy'), at('y.npy'), '--svg', at('none.svg')).status).toBe(0);
    expect(readFileSync(at('none.svg'), 'utf8')).toContain('>nothing differs</text>');
  });

  it('compares the rest of two files when the shapes of one tensor disagree', () => {
    const { status, stdout } = compare(at('run.safetensors'), at('turned.safetensors'));
    expect(status).toBe(2);
    expect(stdout).toContain('\n1 of 2 tensors hold, 1 not compared\n');
    expect(stdout).toContain(
      'not compared mlp: "mlp": A is [32, 64], B is [64, 32]; there is no logical shape in common. If B is A transposed, give --shape 32,64 --layout-b column-major.\n',
    );
  });
});

describe('compare by the error bound of an op', () => {
  const gemm = 'test/golden/gemm.safetensors';
  const op = ['--op', 'gemm_a8w8_blockscale_bpreshuffle', '--operands', gemm];
  const own = `${gemm}:a8w8_blockscale_16x256x512/y_triton`;

  it('holds an output, with the output of the case as reference', () => {
    const { status, stdout } = compare(own, ...op, '--case', 'a8w8_blockscale_16x256x512', '--type', 'bf16');
    expect(status).toBe(0);
    expect(stdout).toContain(
      'held by         within the float32 error bound of gemm_a8w8_blockscale_bpreshuffle; the reference is held to it too',
    );
    expect(stdout).toMatch(/equal codes {5}100 %, both rounded to bf16\n.*\n {2}of the bound {4}at most 0\n/);
    expect(stdout).toContain(`B  ${gemm}:a8w8_blockscale_16x256x512/y_f64`);
  });

  it('fails a wrong one', async () => {
    const zeros = new Uint8Array(16 * 256 * 2);
    await writeFile(at('zeros.bin'), zeros);
    const { status, stdout } = compare(
      at('zeros.bin'),
      own,
      ...op,
      '--case',
      'a8w8_blockscale_16x256x512',
      '--type',
      'bf16',
    );
    expect(status).toBe(1);
    expect(stdout).toMatch(/FAIL {2}4,\d\d\d of 4,096 elements differ/);
    expect(stdout).not.toContain('would pass');
  });

  it.each([
    [
      [own, ...op],
      'test/golden/gemm.safetensors: 4 cases run gemm_a8w8_blockscale_bpreshuffle; name one with --case. They are a8w8_blockscale_128x512x896, a8w8_blockscale_16x256x512, a8w8_blockscale_1x128x128, a8w8_blockscale_33x384x1024.',
    ],
    [
      [own, '--op', 'gemm_a8w8_blockscale'],
      '--op and --operands go together: the op gives the rule, its operands the bound.',
    ],
    [[own, ...op, '--rtol', '1'], '--rtol and --op exclude each other: the error bound of the op is the tolerance.'],
    [
      [own, '--op', 'moe_sorting', '--operands', gemm, '--case', 'a8w8_blockscale_1x128x128'],
      'test/golden/gemm.safetensors: no case runs moe_sorting. Its cases run gemm_a8w8_blockscale.',
    ],
    [
      [own, ...op, '--case', 'a8w8_blockscale_1x128x128', '--type', 'bf16'],
      '"a8w8_blockscale_16x256x512/y_triton": A is [16, 256], B is [1, 128]; there is no logical shape in common.',
    ],
  ])('%#: says what is wrong', (args, message) => {
    expect(compare(...args)).toEqual({ status: 2, stdout: '', stderr: `preshuffle: ${message}\n` });
  });
});

describe('compare of what cannot be read', () => {
  it.each([
    [['run.safetensors'], 'B is missing: name the reference, or give --op and --operands.'],
    [
      ['gone.npy', 'y.npy'],
      '"DIR/gone.npy" does not exist. Name a file as FILE or FILE:TENSOR: .safetensors, .safetensors.index.json, .npy or raw bytes.',
    ],
    [
      ['w.safetensors', 'run.safetensors'],
      'no tensor name is in both files. DIR/w.safetensors has w; DIR/run.safetensors has extra, attn, mlp. Name one of each as FILE:TENSOR.',
    ],
    [
      ['y.npy', 'run.safetensors'],
      'DIR/run.safetensors: holds 3 tensors, none named "y.npy"; name one as DIR/run.safetensors:TENSOR. It has extra, attn, mlp.',
    ],
    [['y.bin', 'y.npy'], 'A "y.bin" is raw bytes. Say what they hold with --type, such as bf16.'],
  ])('%j', (names, message) => {
    const { status, stdout, stderr } = compare(...names.map(at));
    expect([status, stdout, plain(stderr)]).toEqual([2, '', `preshuffle: ${message}\n`]);
  });

  it('names a file that is cut off, and an option that makes no sense', () => {
    const cut = compare(at('cut.safetensors'), at('w.safetensors'));
    expect([cut.status, plain(cut.stderr)]).toMatchInlineSnapshot(`
      [
        2,
        "preshuffle: DIR/cut.safetensors: declares 2048 bytes of tensors, but only 828 follow the header. The file is cut off; the last tensor is "w".
      ",
      ]
    `);
    const shape = compare(at('y.npy'), at('y.npy'), '--shape', '3,-1');
    expect([shape.status, shape.stderr]).toEqual([
      2,
      expect.stringContaining('"3,-1" is not a shape, expected positive integers such as 4096,7168.'),
    ]);
    const layout = compare(at('w.safetensors'), at('w.safetensors'), '--layout-b', 'shuffle_weight(16,61)');
    expect([layout.status, layout.stdout, layout.stderr]).toEqual([
      2,
      '',
      'preshuffle: --layout-b: layout "shuffle_weight(16,61)" is unknown. Did you mean shuffle_weight(16,16) or shuffle_weight(16,32) or shuffle_weight(32,16)? ' +
        'docs/layouts.md has the names and the notation, such as "(n0 n1:16) (k0 k1:32) -> n0 k0 n1 k1".\n',
    ]);
    const nowhere = compare(at('y.npy'), at('y.npy'), '--html', at('none/x.html'));
    expect([nowhere.status, existsSync(at('none'))]).toEqual([2, false]);
    expect(nowhere.stderr).toContain('none/x.html" cannot be written:');
  });
});
