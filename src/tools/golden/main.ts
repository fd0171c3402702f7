// Writes the golden files that come from this project's own references: `npm run golden`. With --check it changes nothing and
// fails when a file is out of date: what a reference computes must not change unnoticed.
import { readFileSync } from 'node:fs';
import { writeFileAtomic } from '../../io/node.ts';
import { fp8IncidentsFile } from './fp8-incidents.ts';
import { fp8PathFile } from './fp8-path.ts';
import { moeIncidentsFile } from './moe-incidents.ts';
import { moePathFile } from './moe-path.ts';

const FILES = [
  { file: 'test/golden/fp8-path.safetensors', make: fp8PathFile },
  { file: 'test/golden/fp8-incidents.safetensors', make: fp8IncidentsFile },
  { file: 'test/golden/moe-path.safetensors', make: moePathFile },
  { file: 'test/golden/moe-incidents.safetensors', make: moeIncidentsFile },
] as const;

const stale: string[] = [];
for (const { file, make } of FILES) {
  const bytes = make();
  if (same(file, bytes)) continue;
  if (process.argv.includes('--check')) stale.push(file);
  else await writeFileAtomic(file, bytes);
}
if (stale.length > 0) {
  console.error(`out of date: ${stale.join(', ')}; run "npm run golden".`);
  process.exitCode = 1;
}

function same(file: string, bytes: Uint8Array): boolean {
  try {
    return Buffer.compare(readFileSync(file), bytes) === 0;
  } catch {
    return false;
  }
}
