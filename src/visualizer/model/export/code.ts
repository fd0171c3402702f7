import { type MfmaMap, parsePattern } from '../../../layout/index.ts';
import { elementBits } from '../../../tensor/index.ts';
import { findMfma } from '../layout-ref.ts';
import type { Scene } from '../scene.ts';
import type { Subject } from '../subject.ts';

/** A call of the library and the names that it imports. */
export interface Call {
  readonly text: string;
  readonly names: readonly string[];
}

/** Function of each layout of the catalog and its options; BITS and EXPERTS stand for the scene's. */
const FUNCTIONS: Readonly<Record<string, readonly [name: string, options?: string]>> = {
  'row-major': ['rowMajor'],
  'column-major': ['columnMajor'],
  'shuffle_weight(16,16)': ['shuffleWeight', 'bits: BITS'],
  'shuffle_weight(32,16)': ['shuffleWeight', 'bits: BITS, tile: [32, 16]'],
  'shuffle_weight(16,32)': ['shuffleWeight', 'bits: BITS, tile: [16, 32]'],
  'shuffle_weight(guinterleave,gate_up)': ['shuffleWeightGuinterleave', 'bits: BITS, gateUp: true'],
  'shuffle_weight(guinterleave)': ['shuffleWeightGuinterleave', 'bits: BITS, gateUp: false'],
  shuffle_weight_NK: ['shuffleWeightNK', 'instN: 16, instK: 32'],
  gate_up_interleaved: ['gateUpInterleaved'],
  'gate_up_interleaved+shuffle_weight(16,16)': ['shuffledCheckpoint', "bits: BITS, shuffle: 'separated'"],
  'gate_up_interleaved+shuffle_weight(guinterleave,gate_up)': [
    'shuffledCheckpoint',
    "bits: BITS, shuffle: 'interleave'",
  ],
  gate_up_split_twice: ['gateUpSplitTwice', "shuffle: 'none'"],
  'gate_up_split_twice+shuffle_weight(16,16)': ['gateUpSplitTwice', "bits: BITS, shuffle: 'separated'"],
  'gate_up_split_twice+shuffle_weight(guinterleave,gate_up)': ['gateUpSplitTwice', "bits: BITS, shuffle: 'interleave'"],
  'gate_up_interleaved+shuffle_scale': [
    'w13ScaleFault',
    "experts: EXPERTS, rows: 'gate_up_interleaved', shuffle: 'separated'",
  ],
  'gate_up_interleaved+shuffle_scale(guinterleave,gate_up)': [
    'w13ScaleFault',
    "experts: EXPERTS, rows: 'gate_up_interleaved', shuffle: 'interleave'",
  ],
  'gate_up_split_twice+shuffle_scale': [
    'w13ScaleFault',
    "experts: EXPERTS, rows: 'gate_up_split_twice', shuffle: 'separated'",
  ],
  'gate_up_split_twice+shuffle_scale(guinterleave,gate_up)': [
    'w13ScaleFault',
    "experts: EXPERTS, rows: 'gate_up_split_twice', shuffle: 'interleave'",
  ],
  shuffle_scale: ['shuffleScale'],
  'shuffle_scale(guinterleave,gate_up)': ['shuffleScaleGuinterleave', 'experts: EXPERTS, gateUp: true'],
  'shuffle_scale(guinterleave)': ['shuffleScaleGuinterleave', 'experts: EXPERTS, gateUp: false'],
  shuffle_scale_n32k4: ['shuffleScaleN32K4', 'experts: EXPERTS, gateUp: false'],
  'shuffle_scale_n32k4(gate_up)': ['shuffleScaleN32K4', 'experts: EXPERTS, gateUp: true'],
  shuffle_weight_gfx1250: ['shuffleWeightGfx1250', 'bits: BITS'],
  moe_shuffle_weight_gfx1250: ['moeShuffleWeightGfx1250', 'bits: BITS'],
  shuffle_mxfp8fp4_a: ['shuffleMxfp8fp4A'],
  shuffle_mxfp8fp4_b: ['shuffleMxfp8fp4B'],
  shuffle_mxfp8fp4_scale: ['shuffleMxfp8fp4Scale'],
  'scale-rm': ['scaleRowMajor'],
  'scale-cm': ['scaleColumnMajor'],
  'scale-tv': ['scaleTransposedView'],
  'scale-tma-aligned': ['scaleTmaAligned'],
  'scale-packed-ue8m0': ['scalePackedUe8m0'],
};

export const list = (numbers: readonly number[]): string => `[${numbers.join(', ')}]`;

/** The expression that makes a layout. */
export function layoutCall(ref: string, shape: readonly number[], bits: number, experts: number): Call {
  const mfma = findMfma(ref);
  if (mfma !== undefined) return { text: `${mfmaCall(mfma)}.layout`, names: ['mfmaMap'] };
  const known = FUNCTIONS[ref];
  if (known !== undefined) {
    const [name, options = ''] = known;
    const filled = options.replace('BITS', String(bits)).replace('EXPERTS', String(experts));
    return { text: `${name}(${list(shape)}${filled === '' ? '' : `, { ${filled} }`})`, names: [name] };
  }
  // Quotes cannot occur in a pattern; it was parsed before it was shown.
  return {
    text: `bindPattern(parsePattern('${parsePattern(ref).text}'), ${list(shape)}, { id: 'custom' })`,
    names: ['bindPattern', 'parsePattern'],
  };
}

function mfmaCall({ instruction, operand, bits }: MfmaMap): string {
  return `mfmaMap('${instruction}', '${operand}', ${bits})`;
}

function registersCall(ref: string): Call {
  const mfma = findMfma(ref);
  return mfma === undefined
    ? { text: `loadRegisters(${ref.replace('load', '')})`, names: ['loadRegisters'] }
    : { text: `mfmaRegisters(${mfmaCall(mfma)})`, names: ['mfmaRegisters', 'mfmaMap'] };
}

/**
 * A TypeScript program that makes the scene's layouts with `preshuffle/layout`, prints where its pinned elements lie (or the first
 * one), and moves row-major bytes into the layout. It exports `layout`, `scaleLayout` where the scene has scales, and `toLayout`.
 */
export function codeOf(scene: Scene, subject: Subject, link: string): string {
  const { bits, tensor, resolved, scale } = subject;
  const { shape } = tensor.layout;
  const layout = layoutCall(scene.a, shape, bits, scene.experts);
  const experts = shape.slice(0, -2).reduce((product, size) => product * size, 1);
  const scaleLayout =
    scale === undefined || scene.scale === undefined
      ? undefined
      : layoutCall(scene.scale.layout, scale.tensor.layout.shape, elementBits(scale.tensor.type), experts);
  const registers = registersCall(scene.registers);
  const coords = scene.pins.length > 0 ? scene.pins : [shape.map(() => 0)];
  const names = [
    'describeLocation',
    'locate',
    'permute',
    'rowMajor',
    ...layout.names,
    ...(scaleLayout?.names ?? []),
    ...registers.names,
  ];
  const imports = [...new Set(names)].sort((one, other) => one.localeCompare(other));
  const padding = resolved.entry?.padding;
  const fill = typeof padding === 'number' && padding !== 0 ? `, { fill: 0x${padding.toString(16)} }` : '';
  return [
    `// ${resolved.title}: ${tensor.type} ${list(shape)}`,
    `// ${resolved.source}`,
    `// ${link}`,
    `import { ${imports.join(', ')} } from 'preshuffle/layout';`,
    '',
    `export const layout = ${layout.text};`,
    ...(scaleLayout === undefined ? [] : [`export const scaleLayout = ${scaleLayout.text};`]),
    '',
    '/** Row-major bytes in this layout. */',
    'export function toLayout(bytes: Uint8Array): Uint8Array {',
    `  return permute(bytes, rowMajor(${list(shape)}), layout, ${bits}${fill});`,
    '}',
    '',
    `const registers = ${registers.text};`,
    `for (const coord of [${coords.map(list).join(', ')}]) {`,
    `  const location = locate(layout, coord, ${bits});`,
    `  console.log(describeLocation(layout, location), registers.placeOf(layout, location.offset, ${bits}));`,
    '}',
    '',
  ].join('\n');
}
