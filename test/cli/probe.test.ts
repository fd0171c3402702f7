import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSafetensors } from '../../src/io/safetensors-read.ts';
import { writeSafetensors } from '../../src/io/safetensors-write.ts';
import { OP_NAMES } from '../../src/ops/registry.ts';
import { type CliResult, preshuffle } from '../helpers/cli.ts';

let dir = '';
const at = (name: string): string => path.join(dir, name);
const probe = (...args: readonly string[]): CliResult => preshuffle(['probe', ...args]);
const plain = (text: string): string => text.replaceAll(dir, 'DIR');

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'preshuffle-probe-'));
});

afterAll(() => rm(dir, { recursive: true }));

describe('preshuffle probe', () => {
  it('writes a case that verifies, a script, and says what to do next', () => {
    const { status, stdout, stderr } = probe(
      'gemm_a8w8_blockscale_bpreshuffle',
      ...['--sizes', 'm=33,n=96,k=384', '--seed', '7', '--params', '{"out": "f16"}'],
      ...['--out', at('case.safetensors'), '--snippet', at('run.py')],
    );
    expect([status, stderr]).toEqual([0, '']);
    expect(plain(stdout)).toMatchInlineSnapshot(`
      "DIR/case.safetensors  gemm_a8w8_blockscale_bpreshuffle, m=33 n=96 k=384, address-coded data, seed 7
        params   {"out":"f16"}
        script   DIR/run.py
      Run "python DIR/run.py" where your kernel is, then
        preshuffle diagnose DIR/case.safetensors --actual DIR/actual.safetensors
      "
    `);
    const verified = preshuffle(['verify', at('case.safetensors'), '--backend', 'cpu']);
    expect([verified.status, verified.stderr]).toEqual([0, '']);
    expect(readFileSync(at('run.py'), 'utf8')).toContain('aiter.gemm_a8w8_blockscale_bpreshuffle(');
  });

  it('gives outputs that diagnose takes: right ones, and wrong ones', async () => {
    expect(probe('fp8_gemm_nt', '--sizes', 'm=9,n=64,k=256', '--out', at('nt.safetensors')).status).toBe(0);
    const { tensors } = parseSafetensors(new Uint8Array(readFileSync(at('nt.safetensors'))), 'nt');
    const y = tensors.get('fp8_gemm_nt/y');
    if (y === undefined) throw new Error('no y');
    await writeFile(at('right.safetensors'), writeSafetensors([{ ...y, name: 'y' }]));
    const right = preshuffle(['diagnose', at('nt.safetensors'), '--actual', at('right.safetensors')]);
    expect([right.status, right.stderr]).toEqual([0, '']);
    const wrong = { ...y, name: 'y', bytes: y.bytes.map((byte, place) => (place > 600 ? byte ^ 0x80 : byte)) };
    await writeFile(at('wrong.safetensors'), writeSafetensors([wrong]));
    expect(preshuffle(['diagnose', at('nt.safetensors'), '--actual', at('wrong.safetensors')]).status).toBe(1);
  });

  it('prints one JSON object, with what one-hot data reads back', () => {
    const { status, stdout } = probe(
      'moe_stage2_mxfp4',
      ...['--sizes', 'tokens=4,experts=3,topk=2,hidden=64,inter=64', '--data', 'one-hot', '--start', '3'],
      ...['--layout', 'plain', '--json', '--out', at('h.safetensors')],
    );
    expect(status).toBe(0);
    expect(JSON.parse(plain(stdout))).toEqual({
      op: 'moe_stage2_mxfp4',
      case: 'moe_stage2_mxfp4',
      data: 'one-hot',
      seed: 1,
      sizes: { tokens: 4, experts: 3, topk: 2, hidden: 64, inter: 64 },
      params: {},
      file: 'DIR/h.safetensors',
      readsBack:
        'y[t] is column (start + t * topk) mod inter of w2 of expert topk_ids[t, 0]: the other slots have weight 0',
      next: 'preshuffle diagnose DIR/h.safetensors --actual DIR/actual.safetensors',
    });
  });

  it('lists every op with its sizes and choices', () => {
    const { status, stdout } = probe();
    expect(status).toBe(0);
    for (const op of OP_NAMES) expect(stdout).toContain(op);
    expect(stdout).toContain('m=61 n=384 k=640  (scales, start, poison)');
    expect(JSON.parse(probe('--json').stdout)).toHaveLength(OP_NAMES.length);
  });

  it.each([
    [['fp8_gem_nt'], 'preshuffle: op "fp8_gem_nt" is unknown. Did you mean fp8_gemm_nt?'],
    [
      ['fp8_gemm_nt', '--sizes', 'M=3'],
      'preshuffle: probeCall: parameter "sizes": has "M", which is no size of fp8_gemm_nt. Known: m, n, k.',
    ],
    [['fp8_gemm_nt', '--sizes', 'm:3'], '"m:3" is not a list of sizes, expected such as m=128,n=512,k=896.'],
    [['fp8_gemm_nt', '--sizes', 'k=100'], 'but DeepGEMM needs N in multiples of 64 and K in multiples of 128.'],
    [['fp8_gemm_nt', '--params', '[1]'], 'it is no JSON object, expected such as {"out": "f16"}.'],
    [['fp8_gemm_nt', '--params', '{'], 'it is not JSON'],
    [['fp8_gemm_nt', '--no-bias'], 'parameter "bias": is given, but fp8_gemm_nt has no such choice.'],
    [
      ['per_1x128_quant', '--params', '{"group": 64}'],
      'parameter "group": is 64, which golden cases of per_1x128_quant',
    ],
    [['permute', '--params', '{"to": "shuffle_scale"}'], 'parameter "to": is "shuffle_scale", expected a Layout'],
    [['fp8_gemm_nt', '--data', 'zeros'], 'parameter "data": is "zeros", expected address-coded, random, one-hot.'],
  ])('refuses %j', (args, message) => {
    const { status, stdout, stderr } = probe(...args, '--out', at('never.safetensors'));
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(existsSync(at('never.safetensors'))).toBe(false);
  });

  it('refuses a folder that is not there', () => {
    const { status, stderr } = probe('ceil_to_ue8m0', '--out', at('no/such/case.safetensors'));
    expect(status).toBe(2);
    expect(stderr).toContain('cannot be written');
  });
});
