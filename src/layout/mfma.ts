import type { Layout } from './layout.ts';
import { LayoutRangeError } from './layout.ts';
import { parseLayout } from './notation.ts';

/** Matrix instructions of CDNA3 and CDNA4 whose register maps are known here. */
export type MfmaInstruction =
  | 'v_mfma_f32_16x16x32_fp8_fp8'
  | 'v_mfma_f32_32x32x16_fp8_fp8'
  | 'v_mfma_scale_f32_16x16x128_f8f6f4'
  | 'v_mfma_scale_f32_32x32x64_f8f6f4';

/** A operand (rows of the result), B operand (its columns), their scales, accumulator and result. */
export type MfmaOperand = 'A' | 'B' | 'scale' | 'C/D';

/**
 * How sure a map is:
 * - `calculator`: AMD's matrix instruction calculator prints it;
 * - `kernels`: several kernels load their operands this way and give right results with a scale of their own for every block;
 * - `kernels-contradictory`: kernels do it, but tests in the same libraries assume another order, which uniform scales cannot tell
 *   apart. Verify on hardware with a one-hot A and distinct scales.
 */
export type MfmaEvidence = 'calculator' | 'kernels' | 'kernels-contradictory';

/** A place in the registers of one wave of 64 lanes. */
export interface RegisterPlace {
  readonly lane: number;
  /** Number of the 32-bit register inside the operand. */
  readonly vgpr: number;
  /** Byte of the register, least significant first; 0 for 32-bit elements. */
  readonly byte: number;
  /** 0 low, 1 high half of the byte; 0 unless elements have 4 bits. */
  readonly nibble: 0 | 1;
}

/**
 * Which lane holds which element of one operand. `layout` is a bijection between element coordinates and the elements of all
 * registers, lane by lane: element `offset` is in lane `offset / perLane`.
 */
export interface MfmaMap {
  readonly instruction: MfmaInstruction;
  readonly operand: MfmaOperand;
  /** Bits of an element. */
  readonly bits: 4 | 8 | 32;
  /** Registers a lane that hold elements. f8f6f4 operands are declared with 8; fp4 leaves the upper 4 unread. */
  readonly vgprs: number;
  /**
   * Coordinates: (row, k) for A, (column, k) for B, (row, column) for C/D; for a scale (opsel, row or column, k / 32): the byte that
   * opsel selects, one choice for all lanes of an instruction.
   */
  readonly layout: Layout;
  readonly evidence: MfmaEvidence;
}

/** Sizes of a tile's maps: which of them an instruction has, and the digits of each. */
interface MfmaEntry {
  readonly operands: readonly MfmaOperand[];
  readonly bits: 4 | 8 | 32;
  readonly vgprs: number;
  readonly notation: string;
  readonly evidence: MfmaEvidence;
}

const AB = ['A', 'B'] as const;

/*
 * Digits: r row or column in the lane number, g group of lanes, v register, b byte, h half of a byte, c chunk of 16 bytes.
 */
const ENTRIES: Readonly<Record<MfmaInstruction, readonly MfmaEntry[]>> = {
  v_mfma_f32_16x16x32_fp8_fp8: [
    { operands: AB, bits: 8, vgprs: 2, notation: 'row=(r:16) k=(g:4 v:2 b:4) -> g r v b', evidence: 'calculator' },
    {
      operands: ['C/D'],
      bits: 32,
      vgprs: 4,
      notation: 'row=(g:4 v:4) column=(r:16) -> g r v',
      evidence: 'calculator',
    },
  ],
  v_mfma_f32_32x32x16_fp8_fp8: [
    { operands: AB, bits: 8, vgprs: 2, notation: 'row=(r:32) k=(g:2 v:2 b:4) -> g r v b', evidence: 'calculator' },
    {
      operands: ['C/D'],
      bits: 32,
      vgprs: 16,
      notation: 'row=(v0:4 g:2 v1:4) column=(r:32) -> g r v0 v1',
      evidence: 'calculator',
    },
  ],
  v_mfma_scale_f32_16x16x128_f8f6f4: [
    { operands: AB, bits: 4, vgprs: 4, notation: 'row=(r:16) k=(g:4 v:4 b:4 h:2) -> g r v b h', evidence: 'kernels' },
    // A lane holds two chunks of 16 elements that lie 64 apart.
    {
      operands: AB,
      bits: 8,
      vgprs: 8,
      notation: 'row=(r:16) k=(c:2 g:4 v:4 b:4) -> g r c v b',
      evidence: 'kernels-contradictory',
    },
    {
      operands: ['scale'],
      bits: 8,
      vgprs: 1,
      notation: 'opsel=(b:4) row=(r:16) block=(g:4) -> g r b',
      evidence: 'kernels',
    },
    {
      operands: ['C/D'],
      bits: 32,
      vgprs: 4,
      notation: 'row=(g:4 v:4) column=(r:16) -> g r v',
      evidence: 'kernels',
    },
  ],
  v_mfma_scale_f32_32x32x64_f8f6f4: [
    { operands: AB, bits: 4, vgprs: 4, notation: 'row=(r:32) k=(g:2 v:4 b:4 h:2) -> g r v b h', evidence: 'kernels' },
    // As above with chunks 32 apart; a test of AITER's opus agrees with this one.
    {
      operands: AB,
      bits: 8,
      vgprs: 8,
      notation: 'row=(r:32) k=(c:2 g:2 v:4 b:4) -> g r c v b',
      evidence: 'kernels',
    },
    {
      operands: ['scale'],
      bits: 8,
      vgprs: 1,
      notation: 'opsel=(b:4) row=(r:32) block=(g:2) -> g r b',
      evidence: 'kernels',
    },
    {
      operands: ['C/D'],
      bits: 32,
      vgprs: 16,
      notation: 'row=(v0:4 g:2 v1:4) column=(r:32) -> g r v0 v1',
      evidence: 'kernels',
    },
  ],
};

/**
 * Every register map. In the scaled instructions a lane that supplies the scale of an fp4 block is the lane that holds the block;
 * for fp8 it is not: its lane holds halves of two blocks.
 */
export const MFMA_MAPS: readonly MfmaMap[] = Object.entries(ENTRIES).flatMap(([instruction, entries]) =>
  entries.flatMap(({ operands, bits, vgprs, notation, evidence }) =>
    operands.map((operand) => ({
      instruction: instruction as MfmaInstruction,
      operand,
      bits,
      vgprs,
      layout: parseLayout(notation, `${instruction} ${operand}${operand === 'C/D' ? '' : ` ${bits} bits`}`),
      evidence,
    })),
  ),
);

/**
 * The map of one operand.
 * @param bits 4 (fp4) or 8 (fp8) for A and B of the scaled instructions; elsewhere there is one choice and it may be left out
 * @throws LayoutRangeError when the instruction has no such operand
 */
export function mfmaMap(instruction: MfmaInstruction, operand: MfmaOperand, bits?: 4 | 8 | 32): MfmaMap {
  const found = MFMA_MAPS.filter((map) => map.instruction === instruction && map.operand === operand);
  const choice = bits === undefined ? found : found.filter((map) => map.bits === bits);
  if (choice.length === 1) return choice[0] as MfmaMap;
  if (found.length === 0) {
    const operands = MFMA_MAPS.filter((map) => map.instruction === instruction).map((map) => map.operand);
    throw new LayoutRangeError(
      `${instruction} has no operand ${operand}; it has ${[...new Set(operands)].join(', ')}.`,
    );
  }
  const known = found.map((map) => map.bits).join(' or ');
  throw new LayoutRangeError(
    `${instruction} ${operand}: ${bits === undefined ? 'no element width was given' : `has no map for ${bits}-bit elements`}, expected bits ${known}.`,
  );
}

/**
 * The register that holds an element.
 * @throws LayoutRangeError for a coordinate outside the tile
 */
export function registerOf(map: MfmaMap, coord: readonly number[]): RegisterPlace {
  const offset = map.layout.offset(coord);
  const perLane = elementsPerLane(map);
  const bit = (offset % perLane) * map.bits;
  return {
    lane: Math.floor(offset / perLane),
    vgpr: Math.floor(bit / 32),
    byte: Math.floor((bit % 32) / 8),
    nibble: bit % 8 === 4 ? 1 : 0,
  };
}

/**
 * The element that a register holds: the inverse of `registerOf`.
 * @throws LayoutRangeError for a place that holds no element of its own
 */
export function elementAt(map: MfmaMap, place: RegisterPlace): readonly number[] {
  const { lane, vgpr, byte, nibble } = place;
  const bit = vgpr * 32 + byte * 8 + nibble * 4;
  const inside = (value: number, end: number): boolean => Number.isInteger(value) && value >= 0 && value < end;
  const coord =
    inside(lane, 64) && inside(vgpr, map.vgprs) && inside(byte, 4) && inside(nibble, 2) && bit % map.bits === 0
      ? map.layout.coord(lane * elementsPerLane(map) + bit / map.bits)
      : undefined;
  if (coord !== undefined) return coord;
  throw new LayoutRangeError(
    `${map.layout.id}: lane ${lane}, register ${vgpr}, byte ${byte}, nibble ${nibble} holds no element of its own; ` +
      `there are 64 lanes with ${map.vgprs} registers of ${32 / map.bits} elements.`,
  );
}

function elementsPerLane(map: MfmaMap): number {
  return (map.vgprs * 32) / map.bits;
}
