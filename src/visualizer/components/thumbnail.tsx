import type { JSX } from 'preact';
import { makePaint } from '../model/colors.ts';
import { logicalGrid, memoryGrid } from '../model/grids/index.ts';
import type { Preset } from '../model/presets.ts';
import { bindSubject } from '../model/subject.ts';
import { canvasColors } from '../render/theme-colors.ts';
import { PaintedThumbnail } from './painted-thumbnail.tsx';

/** The picture of a preset. */
export function Thumbnail({ preset: { scene, picture } }: { readonly preset: Preset }): JSX.Element {
  return (
    <PaintedThumbnail
      draw={(shade, canvas) => {
        const subject = bindSubject(scene);
        const { layout } = subject.tensor;
        return {
          grid: picture === 'memory' ? memoryGrid(layout, subject.bits, scene.line) : logicalGrid(layout),
          paint: makePaint(subject, scene.color, shade),
          border: canvasColors(canvas).border,
        };
      }}
    />
  );
}
