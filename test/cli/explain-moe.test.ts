import { describe, expect, it } from 'vitest';
import { preshuffle } from '../helpers/cli.ts';

const moe = (...args: readonly string[]) => preshuffle(['explain', 'moe', ...args]);
const B120 = ['--model', 'gpt-oss-120b', '--arch', 'gfx950'];

describe('explain moe', () => {
  it('prints the decisions, the plan with its bytes, and the verdict of every order', () => {
    const { status, stdout, stderr } = moe(...B120, '--tp', '8');
    expect([status, stderr]).toEqual([0, '']);
    const lines = stdout.split('\n');
    expect(lines.slice(0, 5)).toEqual([
      'gpt-oss-120b  E = 128, topk 4, H = 2880 padded to 3072, I = 360 padded to 512 on rank 0 of 8  m = 64  gfx950',
      'channels 0 … 383, hidden_pad 192, intermediate_pad 152',
      'loader current, AITER current  gate_mode INTERLEAVE  is_shuffled w13 yes, w2 yes',
      'kernel  cktile-fused  a16w4, blocks of 16 tokens',
      'w13     stored as L3, read as L3: right',
    ]);
    expect(stdout).toContain(
      'moe.kernel -> cktile-fused  (current)\n  because  Swiglu on weights side by side: gate and up tiles meet in the epilogue',
    );
    expect(stdout).toMatch(
      /^load {2}de-interleave +w13_padded e2m1 \[128, 1024, 3072\] gate_up_interleaved +w13_separated /m,
    );
    expect(stdout).toContain(
      'once at load: 728 MiB read, 820 MiB written\nevery call:   309 MiB read at most, 1.02 MiB written',
    );
    expect(stdout.slice(stdout.indexOf('what the same call'))).toMatchInlineSnapshot(`
      "what the same call makes of w13 in every order:
          w13                                               m = 1 … 255            m >= 256
                                                            cktile-fused reads L3  flydsl-tuned reads L3
      L0  checkpoint rows g0, u0, g1, u1, …, not shuffled   silently wrong         silently wrong
      L1  separated rows, not shuffled                      silently wrong         silently wrong
      L2  separated, shuffled for GateMode SEPARATED        silently wrong         silently wrong
      L3  separated, shuffled for GateMode INTERLEAVE       right                  right
      L4  de-interleave forgotten, shuffled for SEPARATED   silently wrong         silently wrong
      L5  de-interleave forgotten, shuffled for INTERLEAVE  silently wrong         silently wrong
      L6  de-interleaved twice                              silently wrong         silently wrong
      "
    `);
  });

  it('gives the plan as JSON', () => {
    const { status, stdout } = moe(...B120, '--json');
    expect(status).toBe(0);
    const { plan, verdicts } = JSON.parse(stdout);
    expect(plan).toMatchObject({ format: 'preshuffle-moe-plan', kernel: 'cktile-fused', outcome: { expects: 'L3' } });
    expect(plan.tensors.w13.bytes).toBe(128 * 5760 * 1440);
    expect(plan.tensors.w13_scale.bytes).toBe(128 * 5760 * 90);
    expect(verdicts.rows.map(({ w13, verdict }: { w13: string; verdict: string }) => `${w13} ${verdict}`)).toEqual([
      'L0 silently-wrong',
      'L1 silently-wrong',
      'L2 silently-wrong',
      'L3 right',
      'L4 silently-wrong',
      'L5 silently-wrong',
      'L6 silently-wrong',
    ]);
  });

  it('exits with 1 for what went wrong upstream, and says what mends it', () => {
    const { status, stdout } = moe(...B120, '--rules', 'before-26884', '--weights', 'upstream', '--m', '1024');
    expect(status).toBe(1);
    expect(stdout).toContain('w13     stored as L3, read as L2: silently wrong');
    expect(stdout).toContain(
      'refused: plan of gpt-oss-120b (flydsl-tuned, m = 1024): tensor "w13" is stored as shuffle_weight(guinterleave,gate_up)',
    );
    expect(stdout).toContain('is_shuffled did not arrive');
    // The verdicts are there all the same.
    expect(stdout).toMatch(/^L2 .* silently wrong or error \(from an issue\) +right$/m);
    const json = moe(...B120, '--rules', 'before-26884', '--weights', 'upstream', '--json');
    expect(json.status).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      refused: { code: 'layout-mismatch' },
      outcome: { verdict: 'silently-wrong', orElse: 'error', kernel: 'ck2stages' },
    });
  });

  it('shows what changed between two states of the loader', () => {
    const { status, stdout } = moe(...B120, '--compare', 'pr-26884,pr-27201');
    expect(status).toBe(0);
    expect(stdout).toContain('gpt-oss-120b  one rank, m = 64  pr-26884 -> pr-27201\n');
    expect(stdout).toContain('  gate_mode\n    pr-26884: SEPARATED\n    pr-27201: INTERLEAVE\n');
    expect(stdout).toContain('  w13 stored as\n    pr-26884: L2\n    pr-27201: L3\n');
    expect(stdout).toContain('  moe.gu-itlv\n    pr-26884: off (gpt-oss)\n    pr-27201: on (default)\n');
    const broken = moe(...B120, '--compare', 'before-26884,pr-26884', '--json');
    expect(broken.status).toBe(1);
    expect(JSON.parse(broken.stdout).changes).toContainEqual({
      what: 'verdict',
      before: 'silently-wrong',
      after: 'right',
    });
  });

  it('takes gate mode, order, flags, tuned names and settings', () => {
    const separated = moe(...B120, '--gate-mode', 'separated', '--weights', 'L2');
    expect([separated.status, separated.stdout]).toEqual([
      0,
      expect.stringContaining('stored as L2, read as L2: right'),
    ]);
    const unflagged = moe(
      ...B120,
      '--gate-mode',
      'separated',
      '--weights',
      'L2',
      '--shuffled',
      'none',
      '--tuned',
      'none',
    );
    expect([unflagged.status, unflagged.stdout]).toEqual([
      1,
      expect.stringContaining('ValueError "CK-Tile interleaved split-k bias is not supported"'),
    ]);
    const always = moe(
      ...B120,
      '--gate-mode',
      'separated',
      '--m',
      '4096',
      '--set',
      'GPTOSS_SWIGLU_MXFP4_BF16_BOUND=99999',
    );
    expect(always.stdout).toContain('kernel  cktile-split-k-standard');
    const named = moe(
      ...B120,
      '--tuned',
      'flydsl_moe1_afp4_wfp4_bf16_t32x128x256,flydsl_moe2_afp4_wfp4_bf16_t32x128x256',
      '--weights',
      'L3',
    );
    expect([named.status, named.stdout]).toEqual([
      1,
      expect.stringContaining('stored as L3, read as L2: silently wrong'),
    ]);
    const own = moe(
      '--arch',
      'gfx950',
      '--experts',
      '8',
      '--topk',
      '2',
      '--hidden',
      '512',
      '--inter',
      '256',
      '--activation',
      'Silu',
      '--gate-mode',
      'separated',
    );
    expect([own.status, own.stdout]).toEqual([0, expect.stringContaining('kernel  flydsl (')]);
  });

  it.each([
    [['--model', 'gpt-oss-7b', '--arch', 'gfx950'], 'Allowed choices are gpt-oss-20b, gpt-oss-120b, deepseek-style.'],
    [[...B120, '--tp', '3'], 'parameter "tp": is 3, expected one of 1, 2, 4, 8.'],
    [[...B120, '--tp', '8', '--rank', '8'], 'parameter "rank": is 8, expected 0..7 (tp = 8).'],
    [
      ['--model', 'gpt-oss-120b', '--arch', 'gfx942'],
      'is gfx942, but the rules for MXFP4 experts are those of gfx950.',
    ],
    [['--arch', 'gfx950'], 'parameter "experts": is missing: name a model, or give experts, topk, hidden and inter.'],
    [['--model', 'gpt-oss-120b'], "required option '--arch <name>' not specified"],
    [[...B120, '--rules', 'pr-1'], 'parameter "rules": is "pr-1", expected one of before-26884'],
    [[...B120, '--compare', 'pr-26884'], '--compare is "pr-26884", expected two states of the loader'],
    [[...B120, '--gate-mode', 'mock'], 'Allowed choices are SEPARATED, INTERLEAVE.'],
    [[...B120, '--set', 'cu'], '--set cu: expected name=value.'],
    [[...B120, '--set', 'speed=1'], 'parameter "speed": is not known, expected one of useAiter'],
    [[...B120, '--tuned', 'a,b,c'], '--tuned is "a,b,c", expected none, or the kernels of stage 1 and 2'],
    [[...B120, '--m', '0'], 'Expected a positive integer.'],
  ] as const)('exits with 2 for %j', (args, message) => {
    const { status, stdout, stderr } = moe(...args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });
});

describe('explain decision', () => {
  it('knows the tables of a mixture of experts', () => {
    expect(preshuffle(['explain', 'decision']).stdout).toContain('moe.gate-mode');
    const answer = preshuffle([
      'explain',
      'decision',
      'moe.activation-type',
      '--json',
      '--set',
      'arch=gfx950',
      'weights=fp4x2',
      'activation=Swiglu',
      'gateMode=SEPARATED',
      'm=300',
      'swigluBf16Bound=256',
    ]);
    expect(JSON.parse(answer.stdout)).toMatchObject({ choice: 'fp4x2', because: [{ rule: 'swiglu-separated' }] });
    const missing = preshuffle(['explain', 'decision', 'moe.kernel', '--set', 'activation=Swiglu']);
    expect([missing.status, missing.stderr]).toEqual([
      2,
      expect.stringContaining('the rules need "arch", which was not given'),
    ]);
  });
});
