import { describe, expect, it } from 'vitest';
import { reduceList } from '../../src/minimize/reduce.ts';

const items = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

/** Reduces to lists that hold all of these, and counts what was tried. */
async function needs(
  count: number,
  wanted: readonly number[],
  options?: Parameters<typeof reduceList>[2],
): Promise<{ readonly kept: readonly number[]; readonly tries: number }> {
  let tries = 0;
  const fails = (kept: readonly number[]): Promise<boolean> => {
    tries += 1;
    return Promise.resolve(wanted.every((item) => kept.includes(item)));
  };
  return { kept: await reduceList(items(count), fails, options), tries };
}

describe('reduceList', () => {
  it('finds one item in about as many tries as it can be halved', async () => {
    const { kept, tries } = await needs(1000, [617]);
    expect(kept).toEqual([617]);
    expect(tries).toBeLessThanOrEqual(20);
  });

  it('finds items that matter only together, in their order', async () => {
    expect((await needs(64, [3, 17, 60])).kept).toEqual([3, 17, 60]);
  });

  it('keeps a count that is needed', async () => {
    const kept = await reduceList(items(100), (list) => Promise.resolve(list.length >= 13));
    expect(kept).toHaveLength(13);
  });

  it('tries what it is told first', async () => {
    const { kept, tries } = await needs(1000, [617], { first: [[616], [617]] });
    expect([kept, tries]).toEqual([[617], 2]);
  });

  it('leaves nothing where nothing need stay', async () => {
    expect(await needs(10, [], { least: 0 })).toEqual({ kept: [], tries: 1 });
    expect((await needs(0, [])).kept).toEqual([]);
  });

  it('does not try a long list item by item', async () => {
    const { kept, tries } = await needs(1000, items(1000));
    expect(kept).toHaveLength(1000);
    expect(tries).toBeLessThan(130);
  });
});
