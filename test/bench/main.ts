// `npm run bench`: rates of the CPU paths, each beside a plain copy measured in the same run.
// Rounds of all tasks are interleaved, so that a change of clock or load hits every task alike; the median is reported.
import os from 'node:os';
import { formatCases } from './format-cases.ts';
import { type Measured, measure } from './measure.ts';
import { permuteCases } from './permute-cases.ts';

const ROUNDS = 15;

function gigabytes(bytes: number, seconds: number): string {
  return (bytes / seconds / 1e9).toFixed(2);
}

const json = process.argv.includes('--json');
const permutes: Measured[] = measure(
  permuteCases.flatMap(({ name, bytes, run, copy }) => [
    { name, work: bytes, run },
    { name: `${name} copy`, work: bytes, run: copy },
  ]),
  ROUNDS,
);
const formats = measure(formatCases(), ROUNDS);

const machine = `${os.cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${os.cpus().length} cores, Node ${process.versions.node}`;
if (json) {
  console.log(JSON.stringify({ machine, rounds: ROUNDS, permutes, formats }));
} else {
  console.log(`${machine}; one thread, median of ${ROUNDS} interleaved rounds\n`);
  console.log('layout permutation'.padEnd(44), 'GB/s'.padStart(8), 'copy GB/s'.padStart(10), 'ratio'.padStart(7));
  for (let index = 0; index < permutes.length; index += 2) {
    const task = permutes[index];
    const copy = permutes[index + 1];
    if (task === undefined || copy === undefined) continue;
    const ratio = (copy.seconds / task.seconds).toFixed(2);
    console.log(
      task.name.padEnd(44),
      gigabytes(task.work, task.seconds).padStart(8),
      gigabytes(copy.work, copy.seconds).padStart(10),
      ratio.padStart(7),
    );
  }
  console.log(`\n${'formats and quantisation'.padEnd(44)} ${'M elements/s'.padStart(12)}`);
  for (const task of formats)
    console.log(task.name.padEnd(44), (task.work / task.seconds / 1e6).toFixed(0).padStart(13));
}
