import { describe, expect, it } from 'vitest';
import { preshuffle } from '../helpers/cli.ts';

const linear = (...args: readonly string[]) => preshuffle(['explain', 'linear', ...args]);
const MI355 = ['--arch', 'gfx950', '--rocm', '7.2', '--m', '64'];

describe('explain linear', () => {
  it('prints the decision, the reasons and the plan', () => {
    const { status, stdout, stderr } = linear('--n', '4096', '--k', '7168', ...MI355);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatchInlineSnapshot(`
      "linear  (n, k) = (4096, 7168), m = 64  gfx950, ROCm 7.2  rules current
      kernel  triton

      linear.fp8-gemm-backend -> aiter  (current)
        because  AITER is on
        given    useAiter is true
        source   SGLang fp8_utils.py dispatch_w8a8_block_fp8_linear, auto
      linear.fp8-block -> aiter-triton  (current)
        because  this shape was measured to be faster with Triton; its weight stays plain
        given    gfx95 is true; rocm is 7.2, at least 7.2; (n, k) = (4096, 7168) is in the table of shapes tuned for Triton on gfx950; forceCk is false
        source   SGLang fp8_utils.py use_aiter_triton_gemm_w8a8_tuned_gfx950
      weight.preprocess -> plain  (current)
        because  the kernel of this shape reads plain weights
        source   SGLang fp8.py process_weights_after_loading_block_quant

      when  step                  from                                  to                                   read  written
      call  per_1x128_quant       x bf16 [64, 7168] row-major           x_q e4m3fn [64, 7168] row-major   896 KiB  462 KiB
                                                                        x_scale f32 [64, 56] row-major
      call  gemm_a8w8_blockscale  x_q e4m3fn [64, 7168] row-major       y bf16 [64, 4096] row-major      28.5 MiB  512 KiB
                                  weight e4m3fn [4096, 7168] row-major
                                  x_scale f32 [64, 56] row-major
                                  weight_scale f32 [32, 56] row-major

      once at load: 0 B read, 0 B written
      every call:   29.3 MiB read, 974 KiB written; no copy of a scale
      "
    `);
  });

  it('prints what did not fire on request', () => {
    const { stdout } = linear('--n', '2624', '--k', '6144', ...MI355, '--verbose');
    expect(stdout).toContain(
      'not tuned-for-triton (aiter-triton): (n, k) = (2624, 6144) is not in the table of shapes tuned for Triton on gfx950',
    );
  });

  it('gives the plan as JSON', () => {
    const { status, stdout } = linear(
      '--n',
      '2624',
      '--k',
      '6144',
      ...MI355,
      '--producer',
      'given',
      '--scale',
      'tv',
      '--json',
    );
    expect(status).toBe(0);
    const plan = JSON.parse(stdout);
    expect(plan).toMatchObject({ format: 'preshuffle-plan', kernel: 'ck-bpreshuffle', rules: 'current', result: 'y' });
    expect(plan.cost.call.scaleCopies).toBe(0);
    expect(plan.decisions[1].notFired.length).toBeGreaterThan(0);
  });

  it('shows every layer of a model, or one', () => {
    const { status, stdout } = linear('--model', 'glm-5.1', ...MI355);
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(10);
    expect(stdout).toMatch(
      /^q_b_proj +2048 +2048 +rms-norm +ck-bpreshuffle +shuffle_weight\(16,16\) +no copy of a scale +4\.76 MiB$/m,
    );
    expect(linear('--model', 'glm-5.1', '--layer', 'q_b_proj', ...MI355).stdout).toContain(
      '(n, k) = (2048, 2048), m = 64',
    );
    expect(linear('--model', 'deepseek-v3', '--arch', 'sm100', '--m', '64').stdout).toContain('deepgemm');
  });

  it('shows what changed between two states of the source', () => {
    const { status, stdout } = linear(
      '--n',
      '2624',
      '--k',
      '6144',
      ...MI355,
      '--producer',
      'rms-norm',
      '--compare',
      'pr-23319,current',
    );
    expect(status).toBe(0);
    expect(stdout).toContain('  scale copies\n    pr-23319: 1\n    current: 0\n');
    const rocm70 = linear(
      '--n',
      '2624',
      '--k',
      '6144',
      '--m',
      '64',
      '--arch',
      'gfx950',
      '--rocm',
      '7.0',
      '--compare',
      'pr-23319,current',
      '--json',
    );
    expect(JSON.parse(rocm70.stdout)[0].changes).toContainEqual({
      what: 'kernel',
      before: 'ck-bpreshuffle',
      after: 'ck',
    });
    const nvidia = linear(
      '--n',
      '4096',
      '--k',
      '7168',
      '--m',
      '64',
      '--arch',
      'sm100',
      '--dtype',
      'f16',
      '--compare',
      'before-22300,current',
    );
    expect(nvidia.stdout).toContain(
      'load\n    before-22300: requant_weight_ue8m0, pack_ue8m0_mn_major\n    current: nothing',
    );
  });

  it('exits with 1 where the source would misread a scale, and says what mends it', () => {
    const args = [
      '--n',
      '2048',
      '--k',
      '2048',
      ...MI355,
      '--producer',
      'given',
      '--scale',
      'TV',
      '--conversion',
      'upstream',
    ];
    const { status, stderr } = linear(...args, '--rules', 'pr-23319');
    expect(status).toBe(1);
    expect(stderr).toContain('which scrambles it');
    const compared = linear(...args, '--compare', 'pr-23319,pr-27289');
    expect(compared.status).toBe(1);
    expect(compared.stdout).toContain('pr-23319: refused: plan of linear (ck-bpreshuffle): tensor "x_scale"');
    expect(compared.stdout).toContain('pr-27289: built');
  });

  it.each([
    [['--n', '4096', '--k', '7168', '--arch', 'gfx950', '--rocm', '7.2'], '--m is missing: the number of tokens.'],
    [['--arch', 'gfx950', '--rocm', '7.2', '--m', '64'], '--n and --k are missing'],
    [
      ['--n', '4096', '--k', '7168', '--m', '64', '--arch', 'gfx950'],
      'parameter "rocm": is missing; the rules for gfx950 need the ROCm version, e.g. 7.2.',
    ],
    [
      ['--n', '4096', '--k', '7168', '--m', '64', '--arch', 'mi355x'],
      'parameter "arch": is "mi355x", expected one of gfx942, gfx950',
    ],
    [['--n', '4096', '--k', '7160', ...MI355], 'parameter "k": is 7160, expected a multiple of 128'],
    [['--n', '4001', '--k', '4096', ...MI355], 'needs N a multiple of 16'],
    [['--n', '4096', '--k', 'many', ...MI355], 'Expected a positive integer.'],
    [
      ['--n', '4096', '--k', '7168', ...MI355, '--rules', 'pr-1'],
      'parameter "rules": is "pr-1", expected one of dec-2025',
    ],
    [
      ['--n', '4096', '--k', '7168', ...MI355, '--compare', 'current'],
      '--compare is "current", expected two states of the source',
    ],
    [
      ['--n', '4096', '--k', '7168', ...MI355, '--model', 'glm-5.1'],
      '--model gives the shapes; leave --n and --k away.',
    ],
    [
      ['--model', 'glm-5.1', '--layer', 'lm_head', ...MI355],
      '--layer is "lm_head", expected one of fused_qkv_a_proj_with_mqa',
    ],
    [['--model', 'glm-9', ...MI355], 'Allowed choices are'],
    [
      ['--n', '4096', '--k', '7168', '--m', '64', '--arch', 'sm100', '--backend', 'flashinfer_trtllm'],
      'the rules choose flashinfer-trtllm, for which there is no reference op',
    ],
  ] as const)('exits with 2 for %j', (args, message) => {
    const { status, stdout, stderr } = linear(...args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });
});

describe('explain x-scale', () => {
  it('lists every state before every kernel', () => {
    const { status, stdout } = preshuffle(['explain', 'x-scale', '--m', '48', '--k', '6144', '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toHaveLength(30);
    expect(preshuffle(['explain', 'x-scale']).stdout).toMatch(
      /^triton +TV +silently wrong +s\.as_strided\(\(M, G\), \(1, M\)\) \(CM\) +nothing$/m,
    );
  });
});

describe('explain decision', () => {
  it('lists the tables, prints one, and evaluates it', () => {
    expect(preshuffle(['explain', 'decision']).stdout).toContain('linear.fp8-block');
    const rules = preshuffle(['explain', 'decision', 'linear.fp8-block', '--rules', 'pr-23319']).stdout;
    expect(rules).toContain('pr-23319: the first rule whose conditions hold decides');
    expect(rules).not.toContain('v0.5.15:');
    const answer = preshuffle([
      'explain',
      'decision',
      'weight.requant-ue8m0',
      '--json',
      '--set',
      'jitDeepgemm=true',
      'deepgemmUe8m0=true',
      'arch=sm100',
      'block=128x128',
      'outType=f16',
      'n=4096',
      'k=7168',
    ]);
    expect(JSON.parse(answer.stdout)).toMatchObject({ choice: 'keep', because: [{ rule: 'not-bf16' }] });
  });

  it('exits with 2 for an unknown table, version or fact', () => {
    expect(preshuffle(['explain', 'decision', 'linear.int8'])).toMatchObject({ status: 2 });
    expect(preshuffle(['explain', 'decision', 'linear.fp8-block', '--rules', 'x']).stderr).toContain(
      'has no version "x"',
    );
    const missing = preshuffle(['explain', 'decision', 'linear.fp8-block', '--set', 'useAiter=true']);
    expect([missing.status, missing.stderr]).toEqual([
      2,
      expect.stringContaining('the rules need "arch", which was not given'),
    ]);
    expect(preshuffle(['explain', 'decision', 'linear.fp8-block', '--set', 'useAiter']).stderr).toContain(
      '--set useAiter: expected name=value.',
    );
  });
});
