import type { RegisterView } from '../grids/index.ts';
import type { Scene } from '../scene.ts';
import type { Subject } from '../subject.ts';
import type { PictureSource } from './source.ts';
import { exportView, type FileLook, fileName, type PictureView, viewsOf } from './views.ts';

/**
 * The pictures of a layout, and of the data that a file has in it.
 * @param first the view to begin with; without it the first of the scene's
 */
export function subjectPictures(
  scene: Scene,
  subject: Subject,
  registers: RegisterView,
  link: string,
  file?: FileLook,
  first?: PictureView,
): PictureSource {
  const views = viewsOf(subject);
  const { layout } = subject.tensor;
  const pin = scene.pins.findLast(
    (coord) => coord.length === layout.shape.length && coord.every((at, axis) => at < (layout.shape[axis] as number)),
  );
  return {
    views: views.map((id) => [id, id] as const),
    first: first ?? views.find((id) => scene.views.includes(id)) ?? 'logical',
    show: (view, theme) => exportView(view as PictureView, scene, subject, registers, theme, file),
    around: (view, grid) => (pin === undefined || view === 'scale' ? undefined : grid.cellOf(layout.offset(pin))),
    onScreen: (view) => `.view-${view} [data-plot]`,
    fileName: (view, extension) => fileName(subject, view, extension, file?.name),
    link,
  };
}
