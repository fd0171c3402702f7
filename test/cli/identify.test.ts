import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeNpy, writeSafetensors } from '../../src/io/index.ts';
import {
  gateUpInterleaved,
  parseLayout,
  permute,
  rowMajor,
  shuffleScale,
  shuffleWeight,
} from '../../src/layout/index.ts';
import { preshuffle } from '../helpers/cli.ts';
import { quantiseFp8, randomOf, realisticWeights } from '../layout/guess-support.ts';

const SHAPE = [64, 256];
let folder = '';
const at = (name: string): string => path.join(folder, name);
const identify = (...args: readonly string[]) => preshuffle(['identify', ...args]);
/** Lines without the first two, which name the temporary files. */
const body = (stdout: string): string => stdout.split('\n').slice(3).join('\n');

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-identify-'));
  const { uniform } = randomOf(1);
  const plain = Uint8Array.from({ length: 64 * 256 }, () => Math.floor(uniform() * 256));
  const layout = shuffleWeight(SHAPE, { bits: 8 });
  const shuffled = permute(plain, rowMajor(SHAPE), layout, 8);
  const bad = shuffled.slice();
  bad[layout.offset([17, 40])] = 255 - (bad[layout.offset([17, 40])] as number);
  const custom = parseLayout('n=(n0:4 n1:16) k=(k0:8 k1:32) -> k0 n0 k1 n1');
  const scales = plain.subarray(0, 100 * 11);
  writeFileSync(at('w.bin'), plain);
  writeFileSync(at('shuffled.bin'), shuffled);
  writeFileSync(at('bad.bin'), bad);
  writeFileSync(at('custom.bin'), permute(plain, rowMajor(SHAPE), custom, 8));
  writeFileSync(at('twice.bin'), permute(shuffled, rowMajor(SHAPE), layout, 8));
  writeFileSync(at('other.bin'), plain.toReversed());
  writeFileSync(at('short.bin'), plain.subarray(0, 100));
  writeFileSync(at('plain.npy'), writeNpy({ dtype: 'u1', shape: SHAPE, bytes: plain }));
  const rows = [1, ...SHAPE];
  writeFileSync(
    at('both.safetensors'),
    writeSafetensors([
      { name: 'w', dtype: 'F8_E4M3', shape: rows, bytes: plain },
      {
        name: 'w.checkpoint',
        dtype: 'F8_E4M3',
        shape: rows,
        bytes: permute(plain, rowMajor(rows), gateUpInterleaved(rows), 8),
      },
      { name: 'scale', dtype: 'F8_E8M0', shape: [100, 11], bytes: scales },
      {
        name: 'scale.shuffled',
        dtype: 'F8_E8M0',
        shape: [256, 16],
        bytes: permute(scales, rowMajor([100, 11]), shuffleScale([100, 11]), 8, { fill: 0x7f }),
      },
    ]),
  );
  const large = [2, 128, 256];
  const { codes } = quantiseFp8(realisticWeights(large, 7, { gateUp: true, columnSpread: 0.35 }), large);
  writeFileSync(
    at('real.safetensors'),
    writeSafetensors([
      {
        name: 'w',
        dtype: 'F8_E4M3',
        shape: large,
        bytes: permute(codes, rowMajor(large), shuffleWeight(large, { bits: 8 }), 8),
      },
    ]),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('preshuffle identify RAW SHUFFLED', () => {
  it('names the layout and prints it in every notation', () => {
    const { status, stdout, stderr } = identify(
      at('w.bin'),
      at('shuffled.bin'),
      '--shape',
      '64,256',
      '--type',
      'e4m3fn',
    );
    expect([status, stderr]).toEqual([0, '']);
    expect(body(stdout)).toMatchInlineSnapshot(`
      "layout                 how     shape      equal  padding
      shuffle_weight(16,16)  direct  [64, 256]  100 %  none

      same as   shuffle_weight(16,32)
      same as   shuffle_weight(guinterleave)
      same as   shuffle_weight_gfx1250
      same as   shuffle_mxfp8fp4_b
      same as   inverse of shuffle_weight(16,16)
      same as   inverse of shuffle_weight(16,32)
                and 3 more
      title     Preshuffled weight, gate and up separated
      source    AITER aiter/ops/shuffle.py shuffle_weight
      notation  n=(n0:4 n1:16) k=(k0:8 k1:2 k2:16) -> n0 k0 k1 n1 k2
      cute      ((16,4),(16,16)):((16,4096),(1,256))
      torch     # x: torch.uint8 [64, 256], row-major (e4m3fn)
                x = x.view(4, 16, 8, 2, 16)  # n0 n1 k0 k1 k2
                x = x.permute(0, 2, 3, 1, 4)  # n0 k0 k1 n1 k2
                x = x.contiguous().view(64, 256)
      look      preshuffle visualize '#v=1&screen=lens&shape=64,256'
      "
    `);
  });

  it('finds the shape of raw bytes', () => {
    const { status, stdout } = identify(at('w.bin'), at('shuffled.bin'));
    expect(status).toBe(0);
    expect(stdout).toMatch(/shape \(found\)/);
    expect(stdout).toMatch(/^shuffle_weight\(16,16\) +direct +\[64, 256\] +100 % +none$/m);
  });

  it('takes the shape from an npy', () =>
    expect(identify(at('plain.npy'), at('shuffled.bin')).stdout).toMatch(
      /^shuffle_weight\(16,16\) +direct +\[64, 256\]/m,
    ));

  it('takes tensors of a safetensors file, and says what the padding holds', () => {
    const file = at('both.safetensors');
    const { status, stdout } = identify(`${file}:scale`, `${file}:scale.shuffled`);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^shuffle_scale +direct +\[100, 11\] +100 % +2,996, all 0x7f$/m);
    expect(stdout).toContain('x = torch.nn.functional.pad(x, (0, 5, 0, 156), value=0)');
  });

  it('reads a padded raw backwards, with the shape of the plain one', () => {
    const file = at('both.safetensors');
    const { status, stdout } = identify(`${file}:scale.shuffled`, `${file}:scale`);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^inverse of shuffle_scale +inverse +\[100, 11\]/m);
  });

  it('two steps, and what they are together', () => {
    const { status, stdout } = identify(
      `${at('both.safetensors')}:w.checkpoint`,
      at('shuffled.bin'),
      '--shape',
      '1,64,256',
    );
    expect(status).toBe(0);
    expect(stdout).toContain('gate_up_split_twice+shuffle_weight(16,16)');
    expect(stdout).toContain(
      'same as   written as shuffle_weight(16,16), from a raw that was read as gate_up_interleaved',
    );
  });

  it('infers digits where the catalog has no such layout', () => {
    const { status, stdout } = identify(at('w.bin'), at('custom.bin'), '--shape', '64,256');
    expect(status).toBe(0);
    expect(body(stdout)).toMatchInlineSnapshot(`
      "No layout of the catalog, but one permutation of digits explains every element:
      notation  n=(n0:4 n1:16) k=(k0:8 k1:32) -> k0 n0 k1 n1
      cute      ((16,4),(32,8)):((1,512),(16,2048))
      torch     # x: torch.uint8 [64, 256], row-major (u8)
                x = x.view(4, 16, 8, 32)  # n0 n1 k0 k1
                x = x.permute(2, 0, 3, 1)  # k0 n0 k1 n1
                x = x.contiguous().view(64, 256)
      "
    `);
  });

  it('names the wrong byte where nearly everything fits', () => {
    const { status, stdout } = identify(at('w.bin'), at('bad.bin'), '--shape', '64,256');
    expect(status).toBe(1);
    expect(stdout).toContain('nearly    shuffle_weight(16,16) [64, 256]: 99.99 % of 16,384 elements, 1 differs\n');
    expect(stdout).toMatch(/^ {10}\[17, 40\] \(raw 4392, shuffled \d+\): expected 0x\w\w, got 0x\w\w$/m);
    expect(stdout).toContain('Nothing takes raw to shuffled exactly.');
  });

  it('says that nothing fits', () => {
    const { status, stdout } = identify(at('w.bin'), at('other.bin'), '--shape', '64,256');
    expect(status).toBe(1);
    expect(stdout).toContain('No layout of the catalog, and no two one after the other, takes raw to shuffled.\n');
    expect(stdout).toContain('no single layout explains more than chance does');
  });

  it('gives JSON', () => {
    const { status, stdout } = identify(at('w.bin'), at('twice.bin'), '--shape', '64,256', '--json');
    expect(status).toBe(0);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ coverage: 1, shapeInferred: false, inferred: null, ambiguous: [], type: 'u8' });
    // 64 x 256 bytes shuffled twice are back in place.
    expect(report.matches[0]).toMatchObject({ id: 'row-major', how: 'direct', shape: SHAPE });
    expect(report.matches[0].sameAs).toContain('shuffle_weight(16,16) twice');
  });
});

describe('preshuffle identify of one tensor', () => {
  it('guesses, with the evidence', () => {
    const { status, stdout } = identify(at('real.safetensors'));
    expect(status).toBe(0);
    expect(stdout).toMatch(/^(found|leaning) {2}/m);
    expect(stdout).toMatch(/^1\. shuffle_weight\(16,16\) {2}same bytes as /m);
    expect(stdout).toContain('Explains ');
    expect(JSON.parse(identify(at('real.safetensors'), '--json').stdout).guesses[0].ids).toContain(
      'shuffle_weight(16,16)',
    );
  });

  it('cannot tell random bytes', () =>
    expect(identify(at('w.bin'), '--shape', '64,256', '--type', 'e4m3fn').status).toBe(1));
});

describe('bad input', () => {
  it.each([
    ['a file', ['gone.bin', 'w.bin'], '"gone.bin" does not exist. Name a file as FILE or FILE:TENSOR'],
    [
      'a shape',
      ['w.bin', 'w.bin', '--shape', '64,x'],
      'Expected positive integers separated by commas, such as 4096,7168.',
    ],
    ['a type', ['w.bin', 'w.bin', '--type', 'fp8'], 'Expected f64, f32, f16, bf16, e4m3fn, '],
    [
      'sizes',
      ['w.bin', 'short.bin', '--shape', '3,5'],
      'parameter "shape": is [3, 5], 15 elements; raw holds 16384 elements of 8 bits and shuffled 100. Give the logical shape',
    ],
    [
      'one tensor without a shape',
      ['w.bin'],
      'one tensor alone needs its logical shape; give --shape such as 4096,7168',
    ],
    ['one of several tensors', ['both.safetensors', 'w.bin'], 'holds 4 tensors; name one as'],
  ])('names %s', (_what, args, message) => {
    const { status, stderr } = identify(
      ...args.map((arg) => (/\.(bin|safetensors)$/.test(arg) && arg !== 'gone.bin' ? at(arg) : arg)),
    );
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });
});
