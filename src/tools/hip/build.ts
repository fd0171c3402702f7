// Compiles backends/hip/kernels/*.hip for AMD GPUs into backends/hip/objects: `npm run build:hip`. Every object is compiled
// twice, in two folders, and must come out the same. With --check nothing is written: the objects that are there are compared,
// bit by bit where this compiler is the one that made them.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  ARCHITECTURES,
  compile,
  compileCached,
  inParallel,
  type Job,
  jobs,
  KERNEL_FOLDER,
  OPTIONS,
} from './compile.ts';
import { type Manifest, type ObjectEntry, objectEntry } from './manifest.ts';
import { kernelStructs } from './structs.ts';
import { findToolchain } from './toolchain.ts';

const OBJECTS = 'backends/hip/objects';
const MANIFEST = `${OBJECTS}/manifest.json`;
const AGAIN = 'run "npm run build:hip".';

interface Built {
  readonly entry: ObjectEntry;
  readonly bytes: Buffer;
}

/** @returns what is wrong; nothing when all is well */
async function main(check: boolean): Promise<readonly string[]> {
  const toolchain = findToolchain();
  const copy = mkdtempSync(path.join(os.tmpdir(), 'preshuffle-build-'));
  const problems: string[] = [];
  try {
    cpSync(KERNEL_FOLDER, path.join(copy, KERNEL_FOLDER), { recursive: true });
    const built = await inParallel(jobs('.'), async (job): Promise<Built | undefined> => {
      try {
        const bytes = readFileSync(await compileCached(toolchain, '.', job));
        const second = path.join(copy, `${job.arch}-${job.source.name}.hsaco`);
        await compile(toolchain, copy, job.source, job.arch, second);
        if (!bytes.equals(readFileSync(second))) problems.push(`${objectOf(job)} is another file when compiled again.`);
        const structs = await kernelStructs(toolchain, '.', job.source, job.arch);
        return { bytes, entry: objectEntry(objectOf(job), bytes, structs) };
      } catch (error) {
        problems.push(error instanceof Error ? error.message : String(error));
        return undefined;
      }
    });
    if (problems.length > 0) return problems;
    const all = built.filter((one) => one !== undefined);
    const manifest = { compiler: toolchain.version, options: OPTIONS, objects: all.map(({ entry }) => entry) };
    if (check) return compare(manifest, all);
    write(manifest, all);
    return [];
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function objectOf({ source, arch }: Job): string {
  return `${arch}/${source.name}.hsaco`;
}

function write(manifest: Manifest, built: readonly Built[]): void {
  rmSync(OBJECTS, { recursive: true, force: true });
  for (const arch of ARCHITECTURES) mkdirSync(path.join(OBJECTS, arch), { recursive: true });
  for (const { entry, bytes } of built) writeFileSync(path.join(OBJECTS, entry.object), bytes);
  writeFileSync(MANIFEST, `${JSON.stringify(manifest, null, 2)}\n`);
  // As the rest of the repository is formatted.
  spawnSync(process.execPath, ['node_modules/@biomejs/biome/bin/biome', 'format', '--write', MANIFEST]);
  const bytes = manifest.objects.reduce((sum, entry) => sum + entry.bytes, 0);
  console.log(`${built.length} code objects, ${Math.round(bytes / 1024)} KiB, by ${manifest.compiler}`);
}

function compare(now: Manifest, built: readonly Built[]): readonly string[] {
  if (!existsSync(MANIFEST)) return [`there is no ${MANIFEST}; ${AGAIN}`];
  const before = JSON.parse(readFileSync(MANIFEST, 'utf8')) as Manifest;
  const problems: string[] = [];
  const files = ARCHITECTURES.flatMap((arch) => {
    const folder = path.join(OBJECTS, arch);
    return existsSync(folder) ? readdirSync(folder).map((name) => `${arch}/${name}`) : [];
  });
  const listed = new Set(now.objects.map(({ object }) => object));
  for (const file of files) if (!listed.has(file)) problems.push(`${file} has no source; ${AGAIN}`);
  const isSame = before.compiler === now.compiler;
  if (!isSame) {
    console.log(
      `The objects were made by ${before.compiler}, this is ${now.compiler}: bits and registers are not compared.`,
    );
  }
  for (const { entry, bytes } of built) {
    const file = path.join(OBJECTS, entry.object);
    const old = before.objects.find(({ object }) => object === entry.object);
    if (old === undefined || !existsSync(file)) {
      problems.push(`${entry.object} is missing; ${AGAIN}`);
    } else if (isSame) {
      if (!bytes.equals(readFileSync(file)) || JSON.stringify(old) !== JSON.stringify(entry)) {
        problems.push(`${entry.object} is not what its source compiles to; ${AGAIN}`);
      }
    } else if (JSON.stringify(interfaceOf(old)) !== JSON.stringify(interfaceOf(entry))) {
      problems.push(`${entry.object} has other kernels or arguments than its source; ${AGAIN}`);
    }
  }
  return problems;
}

/** What does not depend on the compiler. */
function interfaceOf({ kernels, structs }: ObjectEntry): unknown {
  return { kernels: kernels.map(({ kernel, threads, arguments: struct }) => ({ kernel, threads, struct })), structs };
}

let problems: readonly string[];
try {
  problems = await main(process.argv.includes('--check'));
} catch (error) {
  problems = [error instanceof Error ? error.message : String(error)];
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
