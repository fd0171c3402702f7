import { PreshuffleError } from '../../errors.ts';
import { type ElementType, elementBits } from '../../formats/element-type.ts';
import { FLOAT_FORMATS } from '../../formats/facts.ts';
import { type CatalogEntry, catalog, MFMA_MAPS, type MfmaMap } from '../../layout/index.ts';
import { findMfma, mfmaRef, resolveLayout, SceneError } from './layout-ref.ts';
import type { ColorId, ScaleChoice, Scene } from './scene.ts';

/** Element types in the order of the list. */
export const TYPE_GROUPS: readonly { readonly label: string; readonly types: readonly ElementType[] }[] = [
  { label: 'Narrow floats', types: FLOAT_FORMATS.filter((type) => elementBits(type) <= 8) },
  { label: 'Wide floats', types: FLOAT_FORMATS.filter((type) => elementBits(type) > 8) },
  { label: 'Integers', types: ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'u64', 'i64'] },
];

export type Operand = CatalogEntry['operand'];

/** Headings of the catalog by operand. */
const OPERANDS: Readonly<Record<Operand, string>> = {
  any: 'Plain',
  weight: 'Weights',
  'weight scale': 'Scales of weights',
  activation: 'Activations',
  'activation scale': 'Scales of activations',
};

export interface LayoutOption {
  readonly ref: string;
  readonly title: string;
}

export interface LayoutGroup {
  readonly label: string;
  readonly options: readonly LayoutOption[];
}

/**
 * Layouts by operand. Matrix operands come last; a list of some operands leaves them out, because only whole tensors of their own
 * shape lie that way.
 */
export function layoutGroups(operands?: readonly Operand[]): readonly LayoutGroup[] {
  const wanted = operands ?? (Object.keys(OPERANDS) as Operand[]);
  const groups: LayoutGroup[] = wanted.map((operand) => ({
    label: OPERANDS[operand],
    options: catalog
      .filter((entry) => entry.operand === operand)
      .map(({ id, title }) => ({ ref: id, title: `${id}: ${title}` })),
  }));
  if (operands === undefined) {
    const options = MFMA_MAPS.map((map) => ({ ref: mfmaRef(map), title: mfmaTitle(map) }));
    groups.push({ label: 'Matrix operands', options });
  }
  return groups.filter(({ options }) => options.length > 0);
}

/** `16x16x128 f8f6f4, operand B, 4 bits`. */
export function mfmaTitle({ instruction, operand, bits }: MfmaMap): string {
  const short = instruction.replace(/^v_mfma_(scale_)?f32_/, '').replace('_', ' ');
  return `${short}, operand ${operand}, ${bits} bits`;
}

/** What the notation field begins with. */
export const FIRST_NOTATION = '(n0 n1:16) (k0 k1:32) -> n0 k0 n1 k1';

/**
 * Sizes as people write them: `8,5760,2880`, `8 x 5760 x 2880` or `E8, N5760, K2880`.
 * @throws SceneError naming what is no size
 */
export function parseShape(text: string): readonly number[] {
  const parts = text
    .replace(/^[\s[(]+|[\s\])]+$/g, '')
    .split(/\s*[,×]\s*|\s+x\s+|(?<=\d)x(?=\d)|\s+/i)
    .filter((part) => part !== '');
  if (parts.length === 0) throw new SceneError('The shape is empty; write sizes such as 8, 5760, 2880.');
  return parts.map((part) => {
    const size = Number(/^[a-z]*(\d+)$/i.exec(part)?.[1]);
    if (Number.isSafeInteger(size) && size > 0) return size;
    throw new SceneError(`"${part}" is no size; write positive whole numbers such as 8, 5760, 2880.`);
  });
}

/** A change of the scene that makes its layout fit. */
export interface Suggestion {
  readonly label: string;
  readonly fields: Partial<Scene>;
}

/** Type that a matrix operand holds. */
function mfmaType({ operand, bits }: MfmaMap): ElementType {
  if (operand === 'scale') return 'e8m0';
  return bits === 4 ? 'e2m1' : bits === 8 ? 'e4m3fn' : 'f32';
}

/** What choosing a layout changes beside the reference: a matrix operand brings its shape and type. */
export function fieldsForLayout(ref: string): Partial<Scene> {
  const mfma = findMfma(ref);
  if (mfma === undefined) return { a: ref };
  const registers = mfma.operand === 'scale' ? 'load4' : ref;
  const color = mfma.operand === 'scale' ? 'lane' : 'vgpr';
  return {
    a: ref,
    shape: mfma.layout.shape,
    type: mfmaType(mfma),
    scale: undefined,
    experts: 1,
    pins: [],
    registers,
    color,
  };
}

/** Small changes under which a rejected layout is accepted: its example shape, and another element width. Each one is tried first. */
export function suggestions(scene: Scene): readonly Suggestion[] {
  const entry = catalog.find(({ id }) => id === scene.a);
  if (entry === undefined) return [];
  const accepts = (fields: Partial<Scene>): boolean => {
    const { a, shape, type, experts } = { ...scene, ...fields };
    try {
      resolveLayout(a, shape, { bits: elementBits(type), experts });
      return true;
    } catch (error) {
      if (error instanceof PreshuffleError) return false;
      throw error;
    }
  };
  const shape: Suggestion[] = [
    { label: `Use the shape ${entry.example.join(' × ')}`, fields: { shape: entry.example, experts: 1, pins: [] } },
  ];
  const types = (['e4m3fn', 'e2m1', 'e8m0'] as const).filter((type) => elementBits(type) !== elementBits(scene.type));
  const candidates: readonly Suggestion[] = [
    ...shape,
    ...types.map((type) => ({ label: `Use ${type}`, fields: { type } })),
    ...types.map((type) => ({
      label: `Use ${type} and the shape ${entry.example.join(' × ')}`,
      fields: { type, shape: entry.example, experts: 1, pins: [] },
    })),
  ];
  const fitting = candidates.filter(({ fields }) => accepts(fields));
  // One of both kinds is no better than one of either.
  const single = fitting.filter(({ fields }) => fields.type === undefined || fields.shape === undefined);
  return (single.length > 0 ? single : fitting).slice(0, 2);
}

/** Register maps for elements of a width: loads, operands of that width, then the others, which would misread the bytes. */
export function registerGroups(bits: number): readonly LayoutGroup[] {
  const operands = MFMA_MAPS.filter(({ operand }) => operand !== 'scale');
  const option = (map: MfmaMap): LayoutOption => ({ ref: mfmaRef(map), title: mfmaTitle(map) });
  return [
    {
      label: 'Wave loads',
      options: ([16, 8, 4] as const).map((bytes) => ({ ref: `load${bytes}`, title: `${bytes} bytes a lane` })),
    },
    { label: 'Matrix operands', options: operands.filter((map) => map.bits === bits).map(option) },
    { label: 'Operands of other widths', options: operands.filter((map) => map.bits !== bits).map(option) },
  ].filter(({ options }) => options.length > 0);
}

/** Scales in common use: MX, and the block scales of fp8 checkpoints. */
export const SCALE_BLOCKS: readonly Pick<ScaleChoice, 'block' | 'type'>[] = [
  { block: [1, 32], type: 'e8m0' },
  { block: [1, 128], type: 'e8m0' },
  { block: [1, 128], type: 'f32' },
  { block: [128, 128], type: 'f32' },
];

/** `1x32:e8m0`, as in permalinks. */
export function scaleBlockId({ block, type }: Pick<ScaleChoice, 'block' | 'type'>): string {
  return `${block.join('x')}:${type}`;
}

/** Names of the colour modes. */
export const COLOR_TITLES: Readonly<Record<ColorId, string>> = {
  lane: 'lane',
  vgpr: 'register',
  line: '16-byte line',
  tile: 'tile',
  bank: 'LDS bank',
  scale: 'scale block',
  expert: 'expert',
  value: 'value',
  code: 'code',
};
