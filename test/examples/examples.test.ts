import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

function run(name: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['src/tools/run-ts.mjs', `examples/${name}.ts`, ...args],
    { encoding: 'utf8' },
  );
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout;
}

it('covers every example', () =>
  expect(readdirSync('examples').sort()).toEqual([
    'draw-layout.ts',
    'find-the-mistake.ts',
    'plan-mla-layer.ts',
    'quantise-and-multiply.ts',
    'shuffle-weight.ts',
    'what-are-these-bytes.ts',
    'why-gpt-oss-scored-021.ts',
    'write-golden-file.ts',
  ]));

it('shuffle-weight', () => {
  expect(run('shuffle-weight').split('\n')).toEqual([
    'n=(n0:256 n1:16) k=(k0:224 k1:2 k2:16) -> n0 k0 k1 n1 k2',
    'n=17 k=40: element 115224, byte 115224, 16-byte line 7201, 8 contiguous; n0=1 n1=1 k0=1 k1=0 k2=8',
    'same byte: true',
    'read as row-major: 1024 of 16384 elements are right',
    'ck-k64',
    '',
  ]);
});

it('draw-layout gives the picture of the README', () =>
  expect(run('draw-layout')).toBe(readFileSync('docs/img/shuffle-weight.svg', 'utf8')));

it('quantise-and-multiply', () => {
  const lines = run('quantise-and-multiply').split('\n');
  expect(lines[0]).toMatch(/^JavaScript reference \(Node [\d.]+\): y\[0, 0\] = 0x[0-9a-f]{4}$/);
  const equal = /: (\d+) of 1280 results have the same bits$/.exec(lines[1] ?? '');
  expect(Number(equal?.[1])).toBeGreaterThan(1270);
  expect(lines[2]).toContain(
    'gemm_a8w8_blockscale_bpreshuffle: tensor "y" is stored as row-major [256, 512], but this op reads shuffle_weight(16,16)',
  );
  expect(lines[3]).toBe('scales are stored as m=(m:5) g=(g:4) -> g m');
});

it('write-golden-file', () => {
  const [counts, reason] = run('write-golden-file').split('\n');
  expect(counts).toBe('0 passed, 1 failed');
  expect(reason).toContain('y: 1 of 6144 elements differ from "y"; first at [17, 40] (offset 2584, byte 2584)');
});

it('plan-mla-layer', () => {
  const lines = run('plan-mla-layer', 'cpu', '2').split('\n');
  expect(lines.filter((line) => line.includes('1 copy saved')).length).toBe(5);
  expect(lines.join('\n')).not.toContain('DIFFERENT');
  expect(lines.slice(-3)).toEqual([
    '5 copies saved a layer, 1600 bytes not moved',
    'at 4.165 us a launch: 20.8 us a layer, 1.62 ms a token over 78 layers',
    '',
  ]);
});

it('why-gpt-oss-scored-021', () => {
  const lines = run('why-gpt-oss-scored-021').split('\n');
  const verdictsOf = (release: string): string => lines.find((line) => line.includes(`  ${release} `)) ?? '';
  expect(verdictsOf('before PR 26884')).not.toContain('right');
  expect(verdictsOf('flag mended alone')).not.toContain('right');
  expect(verdictsOf('PR 26884')).not.toContain('wrong');
  expect(verdictsOf('PR 27201')).not.toContain('wrong');
  const costs = lines.flatMap((line) => line.match(/logits_diff (\S+)/)?.[1] ?? []).map(Number);
  expect(costs.length).toBe(8);
  for (const cost of costs) expect(cost).toBeGreaterThan(0.01);
});

it('find-the-mistake', () => {
  const verdicts = run('find-the-mistake')
    .split('\n')
    .filter((line) => /^ {2}[A-Z]+[ (]/.test(line))
    .map((line) => line.trim().replace(/ \(.*/, ''));
  expect(verdicts).toEqual([
    'CORRECT',
    'DIAGNOSIS [weight-plain-read-shuffled]',
    'DIAGNOSIS [weight-plain-read-shuffled + scale-not-transposed]',
    'CORRECT',
  ]);
});

it('what-are-these-bytes', () => {
  const lines = run('what-are-these-bytes').split('\n');
  expect(lines[0]).toContain('shuffle_weight(16,16)');
  expect(lines.slice(1, 4)).toEqual([
    'from both copies: shuffle_weight(16,16)',
    'an order that has no name: n=(n0:32 n1:8) k=(k0:4 k1:2 k2:64) -> n1 n0 k1 k0 k2',
    'w[n=17, k=40] e4m3fn code 0xbc = -1.5, byte 0x2218, 16-byte line 0x221',
  ]);
});
