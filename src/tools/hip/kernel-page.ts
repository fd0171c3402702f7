import type { Architecture } from './compile.ts';
import type { Inspection } from './inspection.ts';

const INTRODUCTION = `# What the compiler makes of the HIP kernels

Written by \`npm run inspect:hip\` from the machine code; do not edit. Nothing here was measured: no GPU took part. The tables
show registers, memory and instructions, so that a change of a kernel, or of the compiler, shows as a diff.

- **waves**: waves of a SIMD at the same time, by registers (512 a lane, in steps of 8; VGPRs include AGPRs) and LDS
  (gfx950: 160 KiB in steps of 1280 bytes, gfx942: 64 KiB in steps of 512).
- **LDS, scratch, args, code** in bytes: LDS of a workgroup, scratch of a thread, the argument struct, machine code.
- **spills** and **scratch** must be 0.

The second table of an architecture is about the loop with the most matrix instructions of each kernel, for one wave and one
round: how many instructions of each kind (VMEM includes copies from memory to LDS), \`s_waitcnt\` in all and those that wait for
every load, and clocks:

- **MFMA clk**: the matrix unit is busy. 16x16x128 takes 32 clocks when an operand is fp8 and 16 when both are fp6 or fp4,
  32x32x64 twice that, 16x16x32 takes 16.
- **VALU clk**: 4 for each vector instruction. **s_nop clk**: where the compiler found nothing to do until a result is there.
`;

/** The page docs/hip-kernels.md. */
export function kernelPage(
  compiler: string,
  architectures: readonly Architecture[],
  inspections: readonly Inspection[],
): string {
  const parts = architectures.flatMap((arch) => {
    const own = inspections.filter((inspection) => inspection.arch === arch);
    const loops = own.filter(({ loop }) => loop !== undefined);
    return own.length === 0 ? [] : [`## ${arch}`, resources(own), ...(loops.length === 0 ? [] : [loopTable(loops)])];
  });
  return `${[`${INTRODUCTION}\nCompiler: ${compiler}`, ...parts].join('\n\n')}\n`;
}

/** The compiler that a page names. */
export function pageCompiler(page: string): string | undefined {
  return /^Compiler: (.+)$/m.exec(page)?.[1];
}

function resources(inspections: readonly Inspection[]): string {
  const head = [
    'object',
    'kernel',
    'threads',
    'VGPR',
    'AGPR',
    'SGPR',
    'spills',
    'scratch',
    'LDS',
    'waves',
    'args',
    'code',
  ];
  return table(
    head,
    inspections.map(({ object, notes, waves, codeBytes }) => [
      object,
      `\`${notes.name}\``,
      notes.maxThreads,
      notes.vgprs,
      notes.agprs,
      notes.sgprs,
      notes.vgprSpills + notes.sgprSpills,
      notes.scratchBytes,
      notes.ldsBytes,
      waves,
      notes.kernargBytes,
      codeBytes,
    ]),
  );
}

function loopTable(inspections: readonly Inspection[]): string {
  const head = ['kernel', 'instructions', 'MFMA', 'VALU', 'VMEM', 'LDS', 'SALU', 'waits', 'all loads', 'barriers'];
  return table(
    [...head, 'MFMA clk', 'VALU clk', 's_nop clk'],
    inspections.map(({ notes, loop }) => {
      if (loop === undefined) return [];
      const { instructions, mfma, valu, vmem, lds, salu, waits, fullWaits, barriers } = loop;
      return [
        ...[`\`${notes.name}\``, instructions, mfma, valu, vmem, lds, salu, waits, fullWaits, barriers],
        ...[loop.mfmaClocks, loop.valuClocks, loop.nopClocks],
      ];
    }),
  );
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const numeric = head.map((_, column) => rows.every((row) => typeof row[column] === 'number'));
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${numeric.map((right) => (right ? '--:' : '---')).join('|')}|`, ...rows.map(line)].join('\n');
}
