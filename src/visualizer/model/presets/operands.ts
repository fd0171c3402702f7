import type { ElementType } from '../../../formats/element-type.ts';
import { MFMA_MAPS, type MfmaMap } from '../../../layout/index.ts';
import { mfmaRef } from '../layout-ref.ts';
import { FP4, lens, type Preset } from './preset.ts';

/** One card for each operand of each instruction. */
export const OPERANDS: readonly Preset[] = MFMA_MAPS.map((map) => ({
  id: mfmaRef(map),
  group: 'mfma',
  title: operandTitle(map),
  text: operandText(map),
  scene: lens({
    a: mfmaRef(map),
    type: operandType(map),
    shape: map.layout.shape,
    registers: map.operand === 'scale' ? 'load4' : mfmaRef(map),
    color: 'lane',
  }),
  picture: 'logical',
}));

function operandTitle({ instruction, operand, bits }: MfmaMap): string {
  const tile = /\d+x\d+x\d+/.exec(instruction)?.[0] ?? '';
  const what = operand === 'scale' ? 'scale operand' : operand === 'C/D' ? 'result C/D' : `operand ${operand}`;
  const scaled = instruction.includes('scale') ? 'f8f6f4 ' : '';
  return `MFMA ${tile} ${scaled}${what}${operand === 'A' || operand === 'B' ? `, fp${bits}` : ''}`;
}

function operandText(map: MfmaMap): string {
  const { operand, bits, vgprs, evidence } = map;
  const registers = `${vgprs} register${vgprs === 1 ? '' : 's'} a lane`;
  const doubt =
    evidence === 'kernels-contradictory' ? ' Libraries contradict each other here: verify on hardware.' : '';
  if (operand === 'scale') return `${registers}: opsel picks which of its four bytes scales 32 values of K.`;
  if (operand === 'C/D') return `${registers}, one column of the result in each lane.`;
  const chunks =
    map.instruction.includes('scale') && bits === 8 ? ' in two chunks of 16 bytes that lie apart along K' : '';
  return `${registers}${chunks}: ${operand === 'A' ? 'rows' : 'columns'} of the tile across lanes, K along registers.${doubt}`;
}

function operandType({ operand, bits }: MfmaMap): ElementType {
  if (operand === 'scale') return 'e8m0';
  if (operand === 'C/D') return 'f32';
  return bits === 4 ? FP4 : 'e4m3fn';
}
