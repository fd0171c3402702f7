import { PreshuffleError } from '../../errors.ts';
import { type ElementType, isIntegerType } from '../../formats/element-type.ts';
import { isFloatFormat } from '../../formats/facts.ts';
import type { ReportMap } from './golden-map-json.ts';
import { DEFAULT_SCENE, type Scene } from './scene.ts';
import { bindSubject } from './subject.ts';

/**
 * The Lens on a failing tensor with its worst elements pinned; undefined where the report's layout is none that a permalink can
 * name, or the tensor has a type that the Lens does not show.
 */
export function elementScene(map: ReportMap): Scene | undefined {
  const type = map.type as ElementType;
  if (!isFloatFormat(type) && !isIntegerType(type)) return undefined;
  const scene: Scene = {
    ...DEFAULT_SCENE,
    screen: 'lens',
    a: map.layout,
    type,
    shape: map.dims.map(({ size }) => size),
    color: 'value',
    pins: map.worst.flatMap(({ coord }) => (coord === undefined ? [] : [coord])),
  };
  try {
    bindSubject(scene);
    return scene;
  } catch (error) {
    if (error instanceof PreshuffleError) return undefined;
    throw error;
  }
}
