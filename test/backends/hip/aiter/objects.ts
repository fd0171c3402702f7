import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { KnownKernel } from '../../../../backends/hip/aiter/arguments.ts';

/** What a made-up object says otherwise than AITER's own. */
export interface Changes {
  readonly kernel?: string;
  readonly threads?: number;
  readonly ldsBytes?: number;
  readonly kernargBytes?: number;
  /** Another name for an argument. */
  readonly rename?: Readonly<Record<string, string>>;
  readonly without?: string;
}

/** Writes a code object that does nothing, but says about itself what AITER's kernel of that name says. */
export function writeObject(file: string, known: KnownKernel, changes: Changes = {}, arch = 'gfx950'): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const source = `${file}.s`;
  writeFileSync(source, assembly(known, changes, arch));
  const target = ['-x', 'assembler', '-target', 'amdgcn-amd-amdhsa', `-mcpu=${arch}`, '-mcode-object-version=5'];
  execFileSync('clang-22', [...target, source, '-o', file], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Like AITER's, the metadata has no target: the processor is in the header of the file only. */
function assembly(known: KnownKernel, changes: Changes, arch: string): string {
  const { kernel, threads, ldsBytes } = { ...known, ...changes };
  const lines: string[] = [];
  const argument = (name: string, kind: string, offset: number, size: number): void => {
    lines.push(`      - { .name: ${name}, .value_kind: ${kind}, .offset: ${offset}, .size: ${size} }`);
  };
  for (const { name, type, offset } of known.struct.fields) {
    if (name === changes.without) continue;
    const [kind, size] = type === 'ptr' ? ['global_buffer', 8] : ['by_value', 4];
    argument(changes.rename?.[name] ?? name, kind as string, offset, size as number);
    for (let at = offset + (size as number); at < offset + 16; at += size as number) {
      argument('pad', 'by_value', at, size as number);
    }
  }
  return `
  .amdgcn_target "amdgcn-amd-amdhsa--${arch}"
  .text
  .globl ${kernel}
  .p2align 8
  .type ${kernel},@function
${kernel}:
  s_endpgm
  .section .rodata,"a"
  .p2align 6
  .amdhsa_kernel ${kernel}
    .amdhsa_group_segment_fixed_size ${ldsBytes > 65536 && arch === 'gfx942' ? 65536 : ldsBytes}
    .amdhsa_next_free_vgpr 8
    .amdhsa_next_free_sgpr 8
    .amdhsa_accum_offset 8
  .end_amdhsa_kernel
  .amdgpu_metadata
---
amdhsa.version: [ 1, 0 ]
amdhsa.kernels:
  - .name: ${kernel}
    .symbol: ${kernel}.kd
    .args:
${lines.join('\n')}
    .group_segment_fixed_size: ${ldsBytes}
    .kernarg_segment_align: 4
    .kernarg_segment_size: ${changes.kernargBytes ?? known.struct.byteLength}
    .max_flat_workgroup_size: ${threads}
    .private_segment_fixed_size: 0
    .sgpr_count: 96
    .vgpr_count: 512
    .wavefront_size: 64
...
  .end_amdgpu_metadata
`;
}
