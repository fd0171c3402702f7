import type { Theme } from '../../state/theme.ts';
import { COLOR_TITLES } from '../choices.ts';
import { type ColorLegend, colorLegend } from '../color-legend.ts';
import { makePaint } from '../colors.ts';
import type { Grid, Paint } from '../grid.ts';
import { logicalGrid, memoryGrid, type RegisterView, registerGrid, scaleGrid } from '../grids/index.ts';
import { scaleSubject } from '../scale-subject.ts';
import type { Scene, ViewId } from '../scene.ts';
import type { Subject } from '../subject.ts';
import { rangeLegend, rangePaint, tensorPaint } from '../tensor-paint.ts';
import type { Window } from './picture.ts';

/** Views that become pictures. */
export type PictureView = Exclude<ViewId, 'bank'>;
const PICTURE_VIEWS: readonly PictureView[] = ['logical', 'memory', 'register', 'scale'];

/** Longest side of a picture that viewers and browsers still take. */
export const MAX_SIDE = 8192;

/** A view as a grid that can be exported. */
export interface ExportView {
  readonly grid: Grid;
  readonly paint: Paint;
  readonly title: string;
  readonly lines: readonly string[];
  readonly legend: ColorLegend;
}

/** Data of a file that a scene shows. */
export interface FileLook {
  /** Name of the tensor. */
  readonly name: string;
  /** The look of the Tensor screen: with scaled values, and colours over the range of the data where these are chosen. */
  readonly tensorScreen?: { readonly byRange: boolean } | undefined;
}

/** Views that a scene has; the scale view only where there are scales. */
export function viewsOf(subject: Subject): readonly PictureView[] {
  return PICTURE_VIEWS.filter((view) => view !== 'scale' || subject.scale !== undefined);
}

/** The grid of a view, its colours and what is written above. */
export function exportView(
  view: PictureView,
  scene: Scene,
  subject: Subject,
  registers: RegisterView,
  theme: Theme,
  file?: FileLook,
): ExportView {
  const { tensor, resolved, bits, scale } = subject;
  const { layout } = tensor;
  const { paint, legend, colored } = lookOf(scene, subject, theme, file);
  const name = file === undefined ? '' : `${file.name}: `;
  const title = `${name}${layout.id === 'custom' ? resolved.title : layout.id}, ${tensor.type} [${layout.shape.join(', ')}]`;
  const notation = layout.toString();
  switch (view) {
    case 'logical':
      return {
        grid: logicalGrid(layout, { scaleBlock: scale?.block }),
        paint,
        title,
        lines: [notation, `Logical order, ${colored}`],
        legend,
      };
    case 'memory':
      return {
        grid: memoryGrid(layout, bits, scene.line),
        paint,
        title,
        lines: [notation, `Memory, ${scene.line} bytes a row, ${colored}`],
        legend,
      };
    case 'register': {
      const where = `tile ${registers.tile} of ${registers.registers.tiles(layout, bits)}`;
      return {
        grid: registerGrid(registers),
        paint,
        title,
        lines: [notation, `${registers.registers.title}, ${where}, ${colored}`],
        legend,
      };
    }
    case 'scale': {
      const own = scaleSubject(subject);
      if (own === undefined || scale === undefined)
        return exportView('logical', scene, subject, registers, theme, file);
      return {
        grid: scaleGrid(scale, 'logical', scene.line),
        paint: makePaint(own, 'value', theme),
        title: `${scale.tensor.layout.id}, ${scale.tensor.type} [${scale.tensor.layout.shape.join(', ')}]`,
        lines: [scale.tensor.layout.toString(), `Scales of ${title}, coloured by value`],
        legend: colorLegend(own, 'value', theme),
      };
    }
    default:
      return view satisfies never;
  }
}

/** Colours of the elements, and what they mean. */
function lookOf(
  scene: Scene,
  subject: Subject,
  theme: Theme,
  file: FileLook | undefined,
): Pick<ExportView, 'paint' | 'legend'> & { readonly colored: string } {
  const { tensorScreen } = file ?? {};
  if (tensorScreen?.byRange === true)
    return {
      paint: tensorPaint(subject, rangePaint(subject, theme)),
      legend: rangeLegend(subject, theme),
      colored: 'coloured by magnitude over the range of the data',
    };
  const paint = makePaint(subject, scene.color, theme);
  return {
    paint: tensorScreen === undefined ? paint : tensorPaint(subject, paint),
    legend: colorLegend(subject, scene.color, theme),
    colored: `coloured by ${COLOR_TITLES[scene.color]}`,
  };
}

/** Cells that a picture shows at first: all, or of a large grid 256 by 256 around one. */
export function firstWindow(grid: Grid, around: { readonly row: number; readonly column: number }): Window {
  if (grid.rows <= 1024 && grid.columns <= 1024) return { row: 0, column: 0, rows: grid.rows, columns: grid.columns };
  const begin = (at: number, size: number): number => Math.max(0, Math.min(size - 256, at - (at % 256)));
  const row = begin(around.row, grid.rows);
  const column = begin(around.column, grid.columns);
  return { row, column, rows: Math.min(256, grid.rows), columns: Math.min(256, grid.columns) };
}

/**
 * Pixels a cell with which a window makes a picture of usual size: whole ones, or of dense windows a part of one.
 * @post neither side exceeds `MAX_SIDE / 2`, so that twice the size still fits
 */
export function fittingCell({ rows, columns }: Window): number {
  const cell = Math.min(32, 1440 / columns, 1440 / rows);
  if (cell >= 1) return Math.floor(cell);
  return Math.min(1, 3072 / Math.max(rows, columns));
}

/**
 * A file name from what is shown: `shuffle_weight_16_16-e4m3fn-64x128-memory.png`.
 * @param data name of the tensor, where it comes from a file
 */
export function fileName({ tensor }: Subject, part: string, extension: string, data = ''): string {
  const name = data.replace(/[^A-Za-z0-9.]+/g, '_').replace(/^[_.]+|_+$/g, '');
  const layout = tensor.layout.id.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_|_$/g, '');
  const words = [name, layout, tensor.type, tensor.layout.shape.join('x'), part].filter((word) => word !== '');
  return `${words.join('-')}.${extension}`;
}
