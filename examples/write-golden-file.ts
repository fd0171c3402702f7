// Write a golden file and verify it: the contract with other tools, without torch.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { permute, rowMajor, shuffleWeight } from 'preshuffle';
import { openCpu } from 'preshuffle/backends/cpu';
import { openGoldenFile, runGolden } from 'preshuffle/golden';
import { fileSource, writeFileAtomic, writeSafetensors } from 'preshuffle/io';

const shape = [48, 128];
const x = Uint8Array.from({ length: 48 * 128 }, (_, index) => index * 37 + (index >> 7));
// Stands for the output of your own kernel.
const y = permute(x, rowMajor(shape), shuffleWeight(shape, { bits: 8 }), 8);
y[2584] = (y[2584] ?? 0) ^ 1;

const folder = await mkdtemp(path.join(os.tmpdir(), 'golden-'));
const file = path.join(folder, 'mine.safetensors');
const metadata = {
  'case:mine': JSON.stringify({ op: 'shuffle_weight', dtype: 'e4m3fn', shape, layout: [16, 16], source: 'my kernel' }),
};
await writeFileAtomic(
  file,
  writeSafetensors(
    [
      { name: 'mine/x', dtype: 'U8', shape, bytes: x },
      { name: 'mine/y', dtype: 'U8', shape, bytes: y },
    ],
    metadata,
  ),
);

const source = await fileSource(file);
const report = await runGolden(openCpu(), [await openGoldenFile(source)]);
await source.close();
await rm(folder, { recursive: true });
console.log(`${report.passed} passed, ${report.failed} failed`);
console.log(report.results[0]?.reason);
