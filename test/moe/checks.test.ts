import { describe, expect, it } from 'vitest';
import { rowMajor, shuffleScale } from '../../src/layout/catalog.ts';
import { permute } from '../../src/layout/permute.ts';
import { requireFiniteScales, requireRouting } from '../../src/moe/checks.ts';
import { tensor, tensorFrom } from '../../src/tensor/make.ts';

describe('requireFiniteScales', () => {
  const plain = new Uint8Array(64 * 5).fill(120);

  it('takes every other byte, and NaN in the padding', () => {
    for (let byte = 0; byte < 255; byte += 1) plain[byte] = byte;
    requireFiniteScales('load', tensor('s', 'e8m0', rowMajor([64, 5]), plain, 'e8m0'));
    const layout = shuffleScale([64, 5]);
    const shuffled = permute(plain, rowMajor([64, 5]), layout, 8, { fill: 255 });
    requireFiniteScales('load', tensor('s', 'e8m0', layout, shuffled, 'e8m0'));
  });

  it('names the first NaN by its logical coordinate', () => {
    const bad = plain.slice();
    bad[17 * 5 + 3] = 255;
    const layout = shuffleScale([64, 5]);
    const bytes = permute(bad, rowMajor([64, 5]), layout, 8, { fill: 255 });
    expect(() => requireFiniteScales('load', tensor('s', 'e8m0', layout, bytes, 'e8m0'))).toThrow(
      `load: operand "s": has byte 255 at [17, 3] (byte ${layout.offset([17, 3])}), which is NaN in e8m0; expected 0 to 254. ` +
        'The file is damaged, or these are not e8m0 scales.',
    );
  });
});

describe('requireRouting', () => {
  const ids = (...values: number[]) => tensorFrom('topk_ids', 'i32', [values.length / 2, 2], Int32Array.from(values));

  it('takes distinct experts in any order', () => requireRouting('run', ids(0, 3, 3, 1), 4));

  it('names an expert that does not exist', () => {
    expect(() => requireRouting('run', ids(0, 3, 1, 4), 4)).toThrow(
      'run: operand "topk_ids": is 4 at [1, 1], expected an expert 0 to 3. Its route would be dropped in silence; check that the ' +
        'router and the weights are of the same model.',
    );
    expect(() => requireRouting('run', ids(-1, 3), 4)).toThrow('is -1 at [0, 0], expected an expert 0 to 3.');
  });

  it('names an expert that a token has twice', () =>
    expect(() => requireRouting('run', ids(0, 3, 2, 2), 4)).toThrow(
      'run: operand "topk_ids": names expert 2 twice for token 1, in slots 0 and 1; expected distinct experts. Kernels keep one of ' +
        'them only.',
    ));
});
