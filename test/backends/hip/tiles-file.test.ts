import { expect, it } from 'vitest';
import { parseTiles } from '../../../backends/hip/tiles-file.ts';

const entry = { N: 256, K: 1024, from: 1, to: 48, tile: '16x32', parts: 2, together: 4 };
const file = (gemm: readonly object[], format = 'preshuffle-hip-tiles-1'): string =>
  JSON.stringify({ format, device: 'MI355X', gemm });

it('reads what tune writes', () =>
  expect(parseTiles(file([entry]), 'tiles.json')).toEqual({
    format: 'preshuffle-hip-tiles-1',
    device: 'MI355X',
    gemm: [entry],
  }));

it.each([
  ['{', 'hip: parameter "PRESHUFFLE_HIP_TILES": tiles.json is no JSON ('],
  [
    file([], 'other'),
    'tiles.json has format "other", expected "preshuffle-hip-tiles-1". Write it again with "preshuffle tune".',
  ],
  [file([entry, { ...entry, tile: '3x3' }]), 'tiles.json has entry 1: {"N":256,"K":1024,"from":1,"to":48,"tile":"3x3"'],
  [file([{ ...entry, K: 0 }]), 'expected positive N, K, from, to, parts, together and a tile of 16x32, '],
])('refuses %s', (text, message) => expect(() => parseTiles(text, 'tiles.json')).toThrow(message));
