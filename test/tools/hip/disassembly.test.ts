import { describe, expect, it } from 'vitest';
import { type Instruction, parseDisassembly } from '../../../src/tools/hip/disassembly.ts';
import { hottestLoop, loopsOf } from '../../../src/tools/hip/loops.ts';
import { mfmaClocks, mixOf } from '../../../src/tools/hip/mix.ts';

// As llvm-objdump 22 prints it: without a space before the comment where operands are long.
const TEXT = `
x.hsaco:	file format elf64-amdgpu

Disassembly of section .text:

0000000000002000 <two_loops>:
	s_load_dword s10, s[0:1], 0x10                             // 000000002000: C0020280 00000010
	v_mov_b32_e32 v9, 0                                        // 000000002008: 7E120280
	ds_read_b128 v[0:3], v9                                    // 00000000200C: D9FE0000 00000009
	v_mfma_f32_16x16x128_f8f6f4 v[104:107], v[2:9], v[104:111], 0// 000000002014: D3AD0068 0202D102
	s_nop 9                                                    // 00000000201C: BF800009
	buffer_load_dwordx4 v14, s[16:19], s53 offen lds           // 000000002020: E05D1000 35040E0E
	s_waitcnt vmcnt(0)                                         // 000000002028: BF8C0F70
	s_barrier                                                  // 00000000202C: BF8A0000
	s_setprio 1                                                // 000000002030: BF8F0001
	v_mfma_f32_16x16x128_f8f6f4 v[0:3], v[0:3], v[4:7], v[0:3] cbsz:4 blgp:4// 000000002034: D3AD0C00 84020900
	s_cbranch_scc0 65523                                       // 00000000203C: BF84FFF3 <two_loops+0xc>
	v_mfma_f32_16x16x32_bf16 v[0:3], v[0:3], v[4:7], v[0:3]    // 000000002040: D3B50000 04020900
	s_cbranch_scc1 65533                                       // 000000002048: BF85FFFD <two_loops+0x40>
	s_cbranch_execz 65516                                      // 00000000204C: BF88FFEC <two_loops>
	s_endpgm                                                   // 000000002050: BF810000
	s_nop 0                                                    // 000000002054: BF800000

0000000000002100 <straight>:
	s_branch 0                                                 // 000000002100: BF820000 <straight+0x4>
	s_endpgm                                                   // 000000002104: BF810000
`;

const instruction = (mnemonic: string, operands = ''): Instruction => ({ address: 0, mnemonic, operands });

describe('a disassembly', () => {
  const [kernel, straight] = parseDisassembly(TEXT);
  if (kernel === undefined || straight === undefined) throw new Error('nothing was read');

  it('is read from llvm-objdump', () => {
    expect([kernel.name, straight.name]).toEqual(['two_loops', 'straight']);
    expect(kernel.instructions).toHaveLength(15);
    expect(kernel.byteLength).toBe(0x54);
    expect(straight.byteLength).toBe(8);
    expect(kernel.instructions[3]).toEqual({
      address: 0x2014,
      mnemonic: 'v_mfma_f32_16x16x128_f8f6f4',
      operands: 'v[104:107], v[2:9], v[104:111], 0',
    });
    expect(kernel.instructions.at(-2)).toMatchObject({ mnemonic: 's_cbranch_execz', target: 0x2000 });
  });

  it('has loops where branches go back', () => {
    expect(loopsOf(kernel).map(({ first, last }) => [first, last])).toEqual([
      [2, 10],
      [11, 12],
      [0, 13],
    ]);
    expect(loopsOf(straight)).toEqual([]);
  });

  it('spends its time in the inner loop with the most matrix instructions', () => {
    expect(hottestLoop(kernel)?.first).toBe(2);
    expect(hottestLoop(straight)).toBeUndefined();
  });

  it('issues a mix of instructions', () => {
    expect(mixOf(hottestLoop(kernel)?.body ?? [])).toEqual({
      instructions: 9,
      mfma: 2,
      valu: 0,
      vmem: 1,
      lds: 1,
      salu: 1,
      waits: 1,
      fullWaits: 1,
      barriers: 1,
      mfmaClocks: 48,
      valuClocks: 0,
      nopClocks: 40,
    });
    const mix = mixOf([
      ...['v_pk_fma_f32', 'v_cvt_pk_bf16_f32', 'global_store_dwordx2', 's_add_u32', 's_load_dword'].map((name) =>
        instruction(name),
      ),
      ...['vmcnt(6)', 'vmcnt(0) lgkmcnt(0)', 'lgkmcnt(0)'].map((wait) => instruction('s_waitcnt', wait)),
    ]);
    expect(mix).toMatchObject({ valu: 2, valuClocks: 8, vmem: 1, salu: 2, waits: 3, fullWaits: 1, mfma: 0 });
  });
});

describe('a matrix instruction', () => {
  it.each<readonly [string, string, number]>([
    ['v_mfma_f32_16x16x128_f8f6f4', 'v0, v1, v2, 0', 32],
    ['v_mfma_f32_16x16x128_f8f6f4', 'v0, v1, v2, 0 cbsz:4', 32],
    ['v_mfma_f32_16x16x128_f8f6f4', 'v0, v1, v2, 0 cbsz:1 blgp:4', 32],
    ['v_mfma_f32_16x16x128_f8f6f4', 'v0, v1, v2, 0 cbsz:4 blgp:4', 16],
    ['v_mfma_scale_f32_16x16x128_f8f6f4', 'v0, v1, v2, 0, v3, v4 cbsz:4 blgp:2', 16],
    ['v_mfma_scale_f32_32x32x64_f8f6f4', 'v0, v1, v2, 0, v3, v4', 64],
    ['v_mfma_scale_f32_32x32x64_f8f6f4', 'v0, v1, v2, 0, v3, v4 cbsz:4 blgp:4', 32],
    ['v_mfma_f32_16x16x32_fp8_fp8', 'v0, v1, v2, v0', 16],
    ['v_mfma_f32_16x16x32_bf16', 'v0, v1, v2, v0', 16],
    ['v_mfma_f32_32x32x16_bf16', 'v0, v1, v2, v0', 32],
    ['v_mfma_f32_16x16x4_f32', 'v0, v1, v2, v0', 32],
    ['v_mfma_f32_32x32x2_f32', 'v0, v1, v2, v0', 64],
  ])('%s %s takes %i clocks', (mnemonic, operands, clocks) => {
    expect(mfmaClocks(instruction(mnemonic, operands))).toBe(clocks);
  });
});
