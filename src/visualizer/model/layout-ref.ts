import { PreshuffleError } from '../../errors.ts';
import {
  bindPattern,
  type CatalogEntry,
  type CatalogParams,
  catalog,
  type Layout,
  loadRegisters,
  MFMA_MAPS,
  type MfmaMap,
  mfmaRegisters,
  parsePattern,
  type RegisterMap,
} from '../../layout/index.ts';

/** A layout reference that means nothing, or does not fit where it is used. */
export class SceneError extends PreshuffleError {
  constructor(message: string) {
    super('scene', message);
  }
}

/** A layout by reference. */
export interface ResolvedLayout {
  readonly layout: Layout;
  readonly title: string;
  /** Where the layout comes from: an upstream function, an instruction, or the permalink. */
  readonly source: string;
  readonly entry: CatalogEntry | undefined;
  readonly mfma: MfmaMap | undefined;
}

const MFMA_BITS: Readonly<Record<number, string>> = { 4: 'fp4', 8: 'fp8', 32: 'f32' };

/** `mfma.16x16x128.B.fp4`: the operand B of the scaled instruction with 4-bit elements. */
export function mfmaRef(map: MfmaMap): string {
  const tile = /\d+x\d+x\d+/.exec(map.instruction)?.[0] ?? '';
  const operand = map.operand === 'C/D' ? 'CD' : map.operand;
  return `mfma.${tile}.${operand}.${map.operand === 'scale' ? 'e8m0' : MFMA_BITS[map.bits]}`;
}

/** The matrix operand of a reference; undefined when it is none. */
export function findMfma(ref: string): MfmaMap | undefined {
  return MFMA_MAPS.find((map) => mfmaRef(map) === ref);
}

/**
 * The layout that a reference names, bound to a shape: an id of the catalog, a matrix operand (`mfma.16x16x128.B.fp4`, which has
 * its own shape), or a pattern in the notation, `(n0 n1:16) (k) -> n0 k n1`.
 * @throws SceneError, ShapeRejectedError, NotationError
 */
export function resolveLayout(ref: string, shape: readonly number[], params: CatalogParams): ResolvedLayout {
  const entry = catalog.find(({ id }) => id === ref);
  if (entry !== undefined) {
    const layout = entry.bind(shape, params);
    return { layout, title: entry.title, source: entry.source, entry, mfma: undefined };
  }
  const mfma = findMfma(ref);
  if (mfma !== undefined) {
    const source = `${mfma.instruction} (${mfma.evidence})`;
    return { layout: mfma.layout, title: mfmaRegistersTitle(mfma), source, entry: undefined, mfma };
  }
  if (ref.includes('->')) {
    const layout = bindPattern(parsePattern(ref), shape, { id: 'custom' });
    return { layout, title: 'Custom layout', source: ref, entry: undefined, mfma: undefined };
  }
  throw new SceneError(
    `Layout "${ref}" is not known. Choose one of the catalog or a matrix operand, or write a pattern such as ` +
      '"(n0 n1:16) (k0 k1:32) -> n0 k0 n1 k1".',
  );
}

function mfmaRegistersTitle({ instruction, operand, bits }: MfmaMap): string {
  return `${instruction}: operand ${operand}, ${bits} bits`;
}

const LOADS: Readonly<Record<string, RegisterMap>> = {
  load16: loadRegisters(16),
  load8: loadRegisters(8),
  load4: loadRegisters(4),
};

/** References of every register map, loads first. */
export const REGISTER_REFS: readonly string[] = [
  ...Object.keys(LOADS),
  ...MFMA_MAPS.filter(({ operand }) => operand !== 'scale').map(mfmaRef),
];

/**
 * The register map that a reference names.
 * @throws SceneError naming the known ones
 */
export function resolveRegisters(ref: string): RegisterMap {
  const mfma = findMfma(ref);
  const load = Object.hasOwn(LOADS, ref) ? LOADS[ref] : undefined;
  const found = load ?? (mfma === undefined || mfma.operand === 'scale' ? undefined : mfmaRegisters(mfma));
  if (found !== undefined) return found;
  throw new SceneError(`Register map "${ref}" is not known; there are ${REGISTER_REFS.join(', ')}.`);
}
