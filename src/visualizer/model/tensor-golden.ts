import { type ElementType, elementBits } from '../../formats/element-type.ts';
import { WEIGHT_TYPES } from '../../golden/weight-types.ts';
import { catalog } from '../../layout/index.ts';
import type { Scene } from './scene.ts';
import type { FileTensor } from './tensor-file.ts';

const TYPES: Readonly<Record<string, ElementType>> = WEIGHT_TYPES;

/** Outputs of golden shuffles, and the types that their cases leave out. */
const SHUFFLES: Readonly<Record<string, ElementType>> = {
  shuffle_weight: 'u8',
  moe_shuffle_weight: 'e2m1',
  shuffle_weight_NK: 'u8',
  shuffle_weight_gfx1250: 'u8',
  shuffle_mxfp8fp4_a: 'u8',
  shuffle_mxfp8fp4_b: 'u8',
  shuffle_mxfp8fp4_scale: 'e8m0',
  shuffle_scale: 'e8m0',
  shuffle_scale_n32k4: 'e8m0',
};

/**
 * What the metadata of a golden file says about a tensor: `case:NAME` describes how the tensors `NAME/…` were made. Only shuffles
 * tell a layout; undefined for everything else.
 */
export function goldenHint(
  metadata: Readonly<Record<string, string>>,
  { name, bytes }: FileTensor,
): Pick<Scene, 'type' | 'shape' | 'a' | 'experts'> | undefined {
  const at = name.indexOf('/');
  const params = at < 0 ? undefined : parsed(metadata[`case:${name.slice(0, at)}`]);
  if (params === undefined) return undefined;
  const { op, shape: sizes, dtype, experts: given } = params;
  const fallback = typeof op === 'string' ? SHUFFLES[op] : undefined;
  if (typeof op !== 'string' || fallback === undefined || !isShape(sizes)) return undefined;
  const part = name.slice(at + 1);
  if (part !== 'x' && part !== 'y') return undefined;
  const named = typeof dtype === 'string' && Object.hasOwn(TYPES, dtype) ? TYPES[dtype] : undefined;
  const type = named ?? fallback;
  const experts = typeof given === 'number' ? given : 1;
  const product = sizes.reduce((all, size) => all * size, 1);
  // Shapes of packed fp4 count bytes in some cases and elements in others; the length of `x` tells.
  const last = part === 'x' ? (sizes.at(-1) ?? 1) * ((bytes * 8) / elementBits(type) / product) : (sizes.at(-1) ?? 1);
  const plain = [...sizes.slice(0, -1), last];
  if (part === 'x') return { type, shape: plain, a: 'row-major', experts };
  const a = layoutOf(op, params);
  const entry = catalog.find(({ id }) => id === a);
  for (const shape of [sizes, [...sizes.slice(0, -1), (sizes.at(-1) ?? 1) * 2]]) {
    try {
      const layout = entry?.bind(shape, { bits: elementBits(type), experts });
      if (layout !== undefined && (layout.storageSize * elementBits(type)) / 8 === bytes)
        return { type, shape, a, experts };
    } catch {
      // A shape that the layout rejects was not the one.
    }
  }
  return undefined;
}

function layoutOf(op: string, params: Readonly<Record<string, unknown>>): string {
  const interleave = params['is_guinterleave'] === true;
  const gateUp = params['gate_up'] === true;
  switch (op) {
    case 'shuffle_weight':
      return `shuffle_weight(${isShape(params['layout']) ? params['layout'].join(',') : '16,16'})`;
    case 'moe_shuffle_weight':
      return interleave ? `shuffle_weight(guinterleave${gateUp ? ',gate_up' : ''})` : 'shuffle_weight(16,16)';
    case 'shuffle_scale':
      return interleave ? `shuffle_scale(guinterleave${gateUp ? ',gate_up' : ''})` : op;
    case 'shuffle_scale_n32k4':
      return interleave && gateUp ? `${op}(gate_up)` : op;
    default:
      return op;
  }
}

function parsed(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

function isShape(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every((size) => Number.isSafeInteger(size) && size > 0);
}
