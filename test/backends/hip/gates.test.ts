// Gates on the machine code of every kernel: what needs no GPU to be known to be wrong.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { ArgumentStruct, PlacedField } from '../../../backends/hip/args.ts';
import { jobs, KERNEL_FOLDER, kernelSources } from '../../../src/tools/hip/compile.ts';
import { type Inspection, inspect } from '../../../src/tools/hip/inspection.ts';
import { ldsLimit } from '../../../src/tools/hip/occupancy.ts';
import { type CompiledField, kernelStructs } from '../../../src/tools/hip/structs.ts';
import { findToolchain } from '../../../src/tools/hip/toolchain.ts';
import { GATES } from './kernel-gates.ts';
import { skipWithoutClang } from './toolchain.ts';

const ROOT = path.resolve('.');

// Every struct that the package lays out, whether it is exported or not.
const laidOut = vi.hoisted(() => new Map<string, ArgumentStruct[]>());
vi.mock('../../../backends/hip/args.ts', async (original) => {
  const module = await original<typeof import('../../../backends/hip/args.ts')>();
  const argumentStruct: typeof module.argumentStruct = (name, fields) => {
    const struct = module.argumentStruct(name, fields);
    laidOut.set(name, [...(laidOut.get(name) ?? []), struct as unknown as ArgumentStruct]);
    return struct;
  };
  return { ...module, argumentStruct };
});

describe('sources of kernels', () => {
  it('never take the bits of a vector element directly', () => {
    // clang 22 reads element 0 instead: https://github.com/llvm/llvm-project, __builtin_bit_cast on ext_vector elements.
    const files = [KERNEL_FOLDER, path.join(KERNEL_FOLDER, 'lib')].flatMap((folder) =>
      readdirSync(folder).flatMap((name) => (/\.(hip|h)$/.test(name) ? [path.join(folder, name)] : [])),
    );
    const wrong = files.flatMap((file) =>
      readFileSync(file, 'utf8')
        .split('\n')
        .flatMap((line, index) =>
          /__builtin_bit_cast\([^,]+,\s*[\w.]+\[[^\]]*\]\s*\)/.test(line) ? [`${file}:${index + 1}: ${line}`] : [],
        ),
    );
    expect(wrong).toEqual([]);
  });

  it('are all listed in kernel-gates.ts, and nothing else is', () => {
    expect(Object.keys(GATES).sort()).toEqual(kernelSources(ROOT).map(({ name }) => name));
  });
});

describe.skipIf(skipWithoutClang).each(jobs(ROOT))('$source.name for $arch', (job) => {
  const { source, arch } = job;
  let inspections: readonly Inspection[];
  beforeAll(async () => {
    inspections = await inspect(findToolchain(), ROOT, job);
  });

  it('keeps everything in registers and fits into LDS', () => {
    for (const { notes } of inspections) {
      const { name, vgprSpills, sgprSpills, scratchBytes, ldsBytes } = notes;
      expect({ name, vgprSpills, sgprSpills, scratchBytes }).toEqual({
        name,
        vgprSpills: 0,
        sgprSpills: 0,
        scratchBytes: 0,
      });
      expect(ldsBytes, name).toBeLessThanOrEqual(ldsLimit(arch));
    }
  });

  it('takes the structs that TypeScript packs', async () => {
    for (const name of readdirSync(KERNEL_FOLDER).filter((file) => file.endsWith('.ts'))) {
      await import(path.join(ROOT, KERNEL_FOLDER, name));
    }
    const structs = await kernelStructs(findToolchain(), ROOT, source, arch);
    expect([...structs.keys()].sort()).toEqual(inspections.map(({ notes }) => notes.name).sort());
    for (const { notes } of inspections) {
      const struct = structs.get(notes.name);
      const packed = laidOut.get(struct?.name ?? '') ?? [];
      expect(packed.length, `argumentStruct('${struct?.name}', ...) of kernel ${notes.name}`).toBeGreaterThan(0);
      for (const { byteLength, fields } of packed) {
        expect(byteLength, struct?.name).toBe(struct?.byteLength);
        expect(misplaced(fields, struct?.fields ?? []), struct?.name).toEqual([]);
      }
      // Nothing hidden behind it: kernels ask the compiler for nothing that would need it.
      expect(notes.arguments.map(({ kind, offset, size }) => ({ kind, offset, size }))).toEqual([
        { kind: 'by_value', offset: 0, size: struct?.byteLength },
      ]);
      expect(notes.kernargBytes, notes.name).toBe(struct?.byteLength);
    }
  });

  // The table is about gfx950; a skipped test would count as one that did not run.
  if (arch !== 'gfx950') return;
  it('keeps to its gates', () => {
    const gates = GATES[source.name] ?? {};
    const missing = inspections.flatMap((found) => (found.notes.name in gates ? [] : [gateLine(found)]));
    expect(missing, `lines for ${source.name} in kernel-gates.ts`).toEqual([]);
    expect(Object.keys(gates).sort()).toEqual(inspections.map(({ notes }) => notes.name).sort());
    for (const found of inspections) {
      const { name, vgprs } = found.notes;
      const gate = gates[name];
      if (gate === undefined) continue;
      if (gate.vgprs !== undefined) expect(vgprs, `VGPRs of ${name}`).toBeLessThanOrEqual(gate.vgprs);
      expect(found.waves, `waves of ${name}`).toBeGreaterThanOrEqual(gate.waves);
      expect(found.loop?.mfma, `matrix instructions in the loop of ${name}`).toBe(gate.mfma);
      if (found.loop === undefined) continue;
      const { valu, nopClocks, fullWaits } = found.loop;
      if (gate.valu !== undefined) expect(valu, `vector instructions of ${name}`).toBeLessThanOrEqual(gate.valu);
      if (gate.nopClocks !== undefined) expect(nopClocks, `s_nop of ${name}`).toBeLessThanOrEqual(gate.nopClocks);
      expect(fullWaits, `waits for all loads in ${name}`).toBeLessThanOrEqual(gate.fullWaits ?? 0);
    }
  });
});

/**
 * Fields that the two sides see in different places. Every field of the C++ struct is one of the TypeScript struct, of the same
 * name; a struct inside of it may be several there, or an array.
 */
function misplaced(packed: readonly PlacedField[], compiled: readonly CompiledField[]): readonly string[] {
  const inner = new Set(compiled.flatMap((field) => field.inner));
  const wrong = packed.filter(
    ({ name, offset }) =>
      !inner.has(offset) && !compiled.some((field) => field.name === name && field.offset === offset),
  );
  const missing = compiled.filter(({ offset }) => !packed.some((field) => field.offset === offset));
  return [
    ...wrong.map(({ name, offset }) => `TypeScript has ${name} at ${offset}`),
    ...missing.map(({ name, offset }) => `C++ has ${name} at ${offset}`),
  ];
}

/** What to write into kernel-gates.ts for a new kernel, after a look at it. */
function gateLine({ notes, waves, loop }: Inspection): string {
  if (loop === undefined) return `${notes.name}: { waves: ${waves} },`;
  const { mfma, valu, nopClocks, fullWaits } = loop;
  const registers = `waves: ${waves}, vgprs: ${Math.ceil(notes.vgprs / 8) * 8}`;
  const limits = `mfma: ${mfma}, valu: ${valu}, nopClocks: ${nopClocks}`;
  return `${notes.name}: { ${registers}, ${limits}${fullWaits === 0 ? '' : `, fullWaits: ${fullWaits}`} },`;
}
