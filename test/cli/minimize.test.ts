import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, preshuffle } from '../helpers/cli.ts';

const FP8 = 'test/golden/fp8-incidents.safetensors';
const MOE = 'test/golden/moe-incidents.safetensors';
const GEMM = `${FP8}:scale-dropped__gemm_a8w8_blockscale_bpreshuffle`;
const KERNEL = `"${process.execPath}" test/cli/minimize-kernel.mjs`;

let dir = '';
const at = (name: string): string => path.join(dir, name);
const minimize = (args: readonly string[], bug = ''): CliResult =>
  preshuffle(['minimize', ...args], { KERNEL_BUG: bug, TMPDIR: dir });
/** The folder and the time change with each run. */
const plain = (text: string): string => text.replaceAll(dir, 'DIR').replace(/[\d.]+ s$/m, 'TIME s');

interface Json {
  readonly after: Readonly<Record<string, number>>;
  readonly kept: Readonly<Record<string, readonly number[]>>;
  readonly simplified: readonly { readonly operand: string; readonly left: number }[];
  readonly failing: readonly string[];
  readonly diagnosis: string | null;
  readonly complete: boolean;
  readonly rejected: number;
}
const json = ({ stdout }: CliResult): Json => JSON.parse(stdout) as Json;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'preshuffle-minimize-test-'));
});

afterAll(() => rm(dir, { recursive: true }));

describe('minimize --wrong-way', () => {
  it('shrinks an fp8 incident to a case that passes, and fails as it went wrong', () => {
    const out = at('fp8.safetensors');
    const result = minimize([
      `${FP8}:scale-not-transposed__gemm_a8w8_blockscale_bpreshuffle`,
      '--wrong-way',
      '--out',
      out,
    ]);
    expect([result.status, result.stderr]).toEqual([0, '']);
    expect(plain(result.stdout)).toMatchInlineSnapshot(`
      "scale-not-transposed__gemm_a8w8_blockscale_bpreshuffle of test/golden/fp8-incidents.safetensors
      gemm_a8w8_blockscale_bpreshuffle fails with "a row-major activation scale goes to a kernel that reads column by column"

      M       5 -> 2       0..1
      N      64 -> 16      0..15
      K     384 -> 256     128..383
      values  x 1, w 1, x_scale 1 but for 1 element, w_scale 1
      still wrong  y: 32 of 32 elements differ; first at [0, 0]: expected 0x4380 = 256, got 0x4302 = 130

      21 runs, 0 smaller calls not taken, TIME s
      written to DIR/fp8.safetensors
      run it with  preshuffle verify DIR/fp8.safetensors --wrong-way --backend cpu
      "
    `);
    expect(preshuffle(['verify', out, '--backend', 'cpu']).status).toBe(0);
    expect(preshuffle(['verify', out, '--backend', 'cpu', '--wrong-way']).status).toBe(1);
  });

  it('shrinks an incident of a mixture of experts', () => {
    const out = at('moe.safetensors');
    const result = minimize([`${MOE}:moe-stale-pad__fused_moe_mxfp4`, '--wrong-way', '--json', '--out', out]);
    expect([result.status, result.stderr]).toEqual([0, '']);
    const { after, simplified, complete } = json(result);
    expect(after).toEqual({ tokens: 1, topk: 1, experts: 1, inter: 32, hidden: 32 });
    expect(simplified.every(({ left }) => left === 0)).toBe(true);
    expect(complete).toBe(true);
    expect(preshuffle(['verify', out, '--backend', 'cpu']).status).toBe(0);
    expect(preshuffle(['verify', out, '--backend', 'cpu', '--wrong-way']).status).toBe(1);
  });

  it('keeps the diagnosis where that is asked for', () => {
    const name = `${FP8}:weight-plain-read-shuffled__gemm_a8w8_bpreshuffle`;
    const result = minimize([name, '--wrong-way', '--same', '--json', '--out', at('same.safetensors')]);
    expect([result.status, result.stderr]).toEqual([0, '']);
    expect(json(result).diagnosis).toBe('explained: weight-plain-read-shuffled');
  });

  it('wants an incident', () => {
    const { status, stderr } = minimize(['test/golden/swiglu.safetensors', '--wrong-way']);
    expect([status, stderr]).toEqual([
      2,
      'preshuffle: "test/golden/swiglu.safetensors" does not exist. Name a golden file, or one of its cases as FILE:CASE.\n',
    ]);
    const plainCase = minimize(['test/golden/moe-path.safetensors:routing_ties', '--wrong-way']);
    expect([plainCase.status, plainCase.stderr]).toEqual([
      2,
      'preshuffle: --wrong-way runs a case as it went wrong, but case "routing_ties" of test/golden/moe-path.safetensors names no ' +
        'incident that happens to topk_softmax. Cases that do have "incident" in their metadata (docs/golden-format.md).\n',
    ]);
  });
});

describe('minimize --run', () => {
  it('finds the two blocks of K that a kernel needs to fail, and leaves no files behind', async () => {
    const out = at('run.safetensors');
    const result = minimize([GEMM, '--run', `${KERNEL} {case} {out}`, '--json', '--out', out], 'second-block-of-K');
    expect([result.status, result.stderr]).toEqual([0, '']);
    const { after, kept, simplified, failing } = json(result);
    expect(after).toEqual({ M: 1, N: 16, K: 256 });
    expect(kept['M']).toEqual([1]);
    expect(simplified.map(({ operand, left }) => `${operand} ${left}`)).toEqual([
      'x 0',
      'w 0',
      'x_scale 0',
      'w_scale 0',
    ]);
    expect(failing).toEqual([
      'y: 1 of 16 elements differ; first at [0, 5]: expected 0x4380 = 256, got 0x7f00 = 1.7014118346046923e+38',
    ]);
    expect(preshuffle(['verify', out, '--backend', 'cpu']).status).toBe(0);
    expect((await readdir(dir)).filter((name) => name.startsWith('preshuffle-minimize-'))).toEqual([]);
  });

  it('gives the files in the environment, too, and leaves values alone', () => {
    const result = minimize(
      [GEMM, '--run', KERNEL, '--no-values', '--json', '--out', at('env.safetensors')],
      'second-block-of-K',
    );
    expect([result.status, result.stderr]).toEqual([0, '']);
    expect(json(result)).toMatchObject({ after: { M: 1, N: 16, K: 256 }, simplified: [] });
  });

  it('takes no smaller call than the kernel takes', () => {
    const result = minimize(
      [GEMM, '--run', KERNEL, '--no-values', '--json', '--out', at('taken.safetensors')],
      'small-fails',
    );
    expect([result.status, result.stderr]).toEqual([0, '']);
    expect(json(result).after).toEqual({ M: 3, N: 16, K: 32 });
    expect(json(result).rejected).toBeGreaterThan(0);
  });

  it('writes what it has when the time is up', () => {
    const out = at('late.safetensors');
    const { status, stdout } = minimize(
      [GEMM, '--run', KERNEL, '--budget', '0.001', '--out', out],
      'second-block-of-K',
    );
    expect(status).toBe(0);
    expect(stdout).toContain('; the time was up before everything was tried (--budget)');
    expect(existsSync(out)).toBe(true);
  });

  it('says what a command did', () => {
    const run = (bug: string, ...more: readonly string[]): readonly [number | null, string] => {
      const { status, stderr } = minimize([GEMM, '--run', KERNEL, ...more], bug);
      return [status, stderr.replaceAll(KERNEL, 'KERNEL').replace(/\S*out\.safetensors/g, 'OUT')];
    };
    expect(run('fails')).toEqual([
      2,
      'preshuffle: the command exited with status 3: KERNEL\n  no kernel image is available for execution\n',
    ]);
    expect(run('hangs', '--timeout', '0.5')).toEqual([
      2,
      'preshuffle: the command was ended after 0.5 s (--timeout): KERNEL\n',
    ]);
    expect(run('silent')).toEqual([
      2,
      'preshuffle: the command wrote no file OUT: KERNEL. Write the outputs of gemm_a8w8_blockscale_bpreshuffle (y) to {out}, ' +
        'which is also in PRESHUFFLE_OUT, as safetensors.\n',
    ]);
    const [status, message] = run('other-name');
    expect(status).toBe(2);
    expect(message).toMatch(
      /^preshuffle: the output of the command cannot be compared: OUT: "z" has shape \[1, 1, 7\], but y /,
    );
  });

  it('ends with 1 where nothing fails', () => {
    const { status, stderr } = minimize([GEMM, '--run', KERNEL]);
    expect([status, stderr.replaceAll(KERNEL, 'KERNEL')]).toEqual([
      1,
      `preshuffle: case "scale-dropped__gemm_a8w8_blockscale_bpreshuffle" of ${FP8} does not fail with KERNEL: y is as the reference gives it.\n`,
    ]);
  });
});

describe('minimize', () => {
  it('looks for a backend that fails, and says that none does', () => {
    const { status, stderr } = minimize([GEMM]);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      / does not fail: cpu agrees with the reference, webgpu .*\. It is an incident: --wrong-way runs it as it went wrong\.\n$/,
    );
    expect(minimize([GEMM, '--backend', 'cpu']).status).toBe(1);
  });

  it('refuses what it cannot use', () => {
    const errorOf = (...args: readonly string[]): string => {
      const { status, stderr } = minimize(args);
      expect(status).toBe(2);
      return stderr;
    };
    expect(errorOf('test/golden')).toBe(
      'preshuffle: "test/golden" is a directory; name one golden file, or one of its cases as FILE:CASE.\n',
    );
    expect(errorOf(FP8)).toContain(`cases; name one as ${FP8}:CASE. It has `);
    expect(errorOf(`${FP8}:scale-droped__gemm_a8w8_blockscale`)).toContain(
      'Did you mean scale-dropped__gemm_a8w8_blockscale',
    );
    expect(errorOf(GEMM, '--wrong-way', '--backend', 'cpu')).toBe(
      'preshuffle: --run, --wrong-way and --backend exclude each other: each says what is run on the case.\n',
    );
    expect(errorOf(GEMM, MOE, '--out', at('two.safetensors'))).toBe(
      'preshuffle: --out names one file, but 2 cases are given. Leave it out, or give one case.\n',
    );
    expect(errorOf(GEMM, '--backend', 'cuda')).toContain('"cuda" is unknown, expected cpu, webgpu, hip.');
    expect(errorOf(GEMM, '--budget', 'long')).toContain('"long" is not a time, expected seconds such as 60 or 0.5.');
    expect(errorOf(GEMM, '--wrong-way', '--out', at('no/such/folder/x.safetensors'))).toMatch(
      /cannot be written: .* Name a file in a folder that exists with --out\.\n$/,
    );
  });
});
