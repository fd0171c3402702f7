import { elementBits } from '../../formats/element-type.ts';
import { catalog, type LayoutWarning, type RegisterMap } from '../../layout/index.ts';
import type { BlockScale, CodedTensor } from '../../tensor/describe-element.ts';
import { addressCodes } from './address-codes.ts';
import { type ResolvedLayout, resolveLayout, resolveRegisters } from './layout-ref.ts';
import type { ScaleChoice, Scene } from './scene.ts';

/** A scene with its references resolved: what the screens draw. */
export interface Subject {
  readonly tensor: CodedTensor;
  readonly bits: number;
  readonly resolved: ResolvedLayout;
  readonly scale: BlockScale | undefined;
  readonly registers: RegisterMap;
  /** What a kernel misreads although nothing rejects the shape. */
  readonly warnings: readonly LayoutWarning[];
}

/** Bytes of a file that stand in for the address-coded data of a scene. */
export interface SubjectData {
  readonly name: string;
  /** Code at a storage offset of the tensor. */
  codeAt(offset: number): number;
  /** Code at a storage offset of its scale, where the file has one. */
  readonly scaleCodeAt?: ((offset: number) => number) | undefined;
}

/**
 * Binds a scene. Without data every element holds a code that tells its address; padding holds zero.
 * @throws PreshuffleError when a reference is unknown or a layout rejects the shape
 */
export function bindSubject(scene: Scene, data?: SubjectData): Subject {
  const bits = elementBits(scene.type);
  const resolved = resolveLayout(scene.a, scene.shape, { bits, experts: scene.experts });
  const tensor: CodedTensor = {
    name: data?.name ?? defaultName(resolved),
    type: scene.type,
    layout: resolved.layout,
    codeAt: data === undefined ? addressCodes(scene.type, resolved.layout) : (offset) => data.codeAt(offset),
  };
  return {
    tensor,
    bits,
    resolved,
    scale: scene.scale === undefined ? undefined : bindScale(scene.scale, resolved.layout.shape, data),
    registers: resolveRegisters(scene.registers),
    // A tensor of one expert says nothing about experts, so it is not warned about them.
    warnings:
      resolved.entry?.warnings?.(scene.shape, scene.experts > 1 ? { bits, experts: scene.experts } : { bits }) ?? [],
  };
}

function defaultName({ entry, mfma }: ResolvedLayout): string {
  if (mfma !== undefined) return mfma.operand;
  switch (entry?.operand) {
    case 'weight':
      return 'W';
    case 'weight scale':
    case 'activation scale':
      return 'S';
    case 'activation':
      return 'X';
    default:
      return 'T';
  }
}

/** Scales of experts are bound to [E, N, G], or to [E * N, G] where the layout is one of the catalog's for weight scales. */
function bindScale(choice: ScaleChoice, shape: readonly number[], data: SubjectData | undefined): BlockScale {
  const { block, type, layout: ref } = choice;
  const blocks = shape.map((_, axis) =>
    axis === shape.length - 2 ? block[0] : axis === shape.length - 1 ? block[1] : 1,
  );
  const full = shape.map((size, axis) => Math.ceil(size / (blocks[axis] as number)));
  const outer = full.slice(0, -2).reduce((product, size) => product * size, 1);
  const flat = [outer * (full.at(-2) ?? 1), full.at(-1) ?? 1];
  const params = { bits: elementBits(type), experts: outer };
  const takesMatrix = shape.length > 1 && catalog.find(({ id }) => id === ref)?.operand === 'weight scale';
  const resolved = resolveLayout(ref, takesMatrix ? flat : full, params);
  return {
    block: blocks,
    tensor: {
      name: 'scale',
      type,
      layout: resolved.layout,
      codeAt: data?.scaleCodeAt ?? addressCodes(type, resolved.layout),
    },
  };
}
