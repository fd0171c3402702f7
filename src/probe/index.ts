/**
 * Calls whose operands cannot hide a mistake: codes that tell their address, scales that never repeat at the distance of a tile, poisoned
 * padding, ragged routes; for every op.
 *
 * @example
 * ```ts
 * import { probeCall } from 'preshuffle/probe';
 * const { params, operands } = probeCall({ op: 'gemm_a8w8_blockscale_bpreshuffle', sizes: { m: 20, n: 256, k: 384 } });
 * ```
 */
export {
  oneHotMeaning,
  type ProbeChoices,
  type ProbeData,
  type ProbeLayout,
  type ProbeOptions,
  probeCall,
  probeChoices,
  probeSizes,
  sizesOf,
} from './probe-call.ts';
