import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodeArray } from '../../src/formats/decode.ts';
import { describeW13 } from '../../src/layout/w13.ts';
import { expertFacts } from '../../src/moe/expert-weights.ts';
import { gptOssModel } from '../../src/moe/gpt-oss-models.ts';
import { syntheticExpert, syntheticLayer, syntheticLogits, syntheticTokens } from '../../src/moe/synthetic.ts';
import { asF32, asU16 } from '../../src/tensor/views.ts';

const sizes = { experts: 3, hidden: 128, inter: 96 };
const layer = syntheticLayer(sizes);

describe('syntheticLayer', () => {
  it('is a layer in checkpoint order, the same each time', () => {
    expect(expertFacts('test', layer)).toMatchObject({ experts: 3, inter: 96, hidden: 128, w2Shuffled: false });
    expect(describeW13(layer.w13.layout)).toBe('L0');
    expect(syntheticLayer(sizes).w13.bytes).toEqual(layer.w13.bytes);
    const hash = createHash('sha256');
    for (const part of [layer.w13, layer.w13_scale, layer.w13_bias, layer.w2, layer.w2_scale, layer.w2_bias])
      hash.update(part?.bytes as Uint8Array);
    expect(hash.digest('hex')).toBe('87f74880156ba5afc701f894b95b4c5f710daa134fe970c8572765bac95a5570');
  });

  it('is made of its experts', () => {
    const expert = syntheticExpert(sizes, 2);
    const third = (bytes: Uint8Array): Uint8Array => bytes.subarray((bytes.length / 3) * 2);
    expect(expert.gateUp.blocks).toEqual(third(layer.w13.bytes));
    expect(expert.gateUp.scales).toEqual(third(layer.w13_scale.bytes));
    expect(expert.gateUp.bias).toEqual(asF32(layer.w13_bias as never).subarray(2 * 192));
    expect(expert.down.blocks).toEqual(third(layer.w2.bytes));
  });

  it('has no two equal runs of 16 codes', () => {
    const seen = new Set<string>();
    for (const { bytes } of [layer.w13, layer.w2]) {
      const words = new BigUint64Array(bytes.slice().buffer);
      for (const word of words) seen.add(String(word));
    }
    expect(seen.size).toBe((layer.w13.bytes.length + layer.w2.bytes.length) / 8);
  });

  it('has neighbouring scales that differ, far from 0 and 255', () => {
    const { bytes, layout } = layer.w13_scale;
    const [experts = 0, rows = 0, groups = 0] = layout.shape;
    const at = (e: number, row: number, group: number): number => bytes[(e * rows + row) * groups + group] as number;
    for (let e = 0; e < experts; e += 1)
      for (let row = 0; row + 32 < rows; row += 1)
        for (let group = 0; group + 1 < groups; group += 1) {
          const own = at(e, row, group);
          for (const other of [
            at(e, row + 1, group),
            at(e, row, group + 1),
            at(e, row + 16, group),
            at(e, row + 32, group),
          ])
            expect(other).not.toBe(own);
          if (e > 0) expect(at(e - 1, row, group)).not.toBe(own);
          expect(own).toBeGreaterThanOrEqual(113);
          expect(own).toBeLessThanOrEqual(123);
        }
  });

  it('has biases that bf16 holds', () => {
    for (const bias of asF32(layer.w13_bias as never)) expect(Math.abs(bias * 128) % 1).toBe(0);
  });

  it('refuses sizes without whole blocks', () =>
    expect(() => syntheticLayer({ experts: 2, hidden: 100, inter: 64 })).toThrow(
      'syntheticLayer: parameter "hidden": is 100, expected a positive multiple of 32.',
    ));
});

describe('one expert at its true size', () => {
  it('is quick to make', () => {
    const model = gptOssModel('gpt-oss-120b');
    const start = performance.now();
    const { gateUp, down } = syntheticExpert(model, 127);
    expect(performance.now() - start).toBeLessThan(2000);
    expect(gateUp.blocks.length).toBe(5760 * 1440);
    expect(down.scales.length).toBe(2880 * 90);
  });
  it('knows the models', () => {
    expect(gptOssModel('gpt-oss-20b')).toMatchObject({ experts: 32, hidden: 2880, inter: 2880, topk: 4, layers: 24 });
    expect(() => gptOssModel('gpt-oss-7b')).toThrow(
      'gptOssModel: parameter "id": is "gpt-oss-7b", expected one of gpt-oss-20b, gpt-oss-120b.',
    );
  });
});

describe('inputs', () => {
  it('gives tokens between -2 and 2, no two rows alike', () => {
    const values = decodeArray('bf16', asU16(syntheticTokens(5, 64)));
    expect(Math.max(...values)).toBeGreaterThan(1.5);
    expect(Math.min(...values)).toBeLessThan(-1.5);
    expect(values.subarray(0, 64)).not.toEqual(values.subarray(64, 128));
  });

  it('routes ragged, with experts that get nothing', () => {
    const [tokens, experts, topk] = [64, 32, 4];
    const logits = asF32(syntheticLogits(tokens, experts));
    const counts = new Array<number>(experts).fill(0);
    for (let token = 0; token < tokens; token += 1) {
      const row = logits.subarray(token * experts, (token + 1) * experts);
      expect(new Set(row).size).toBe(experts);
      const best = [...row.keys()].toSorted((a, b) => (row[b] as number) - (row[a] as number)).slice(0, topk);
      for (const expert of best) counts[expert] = (counts[expert] as number) + 1;
    }
    expect(counts.filter((count) => count === 0).length).toBeGreaterThanOrEqual(6);
    expect(Math.max(...counts)).toBeGreaterThan(20);
    expect(new Set(counts).size).toBeGreaterThan(6);
  });
});
