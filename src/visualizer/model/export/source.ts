import type { Theme } from '../../state/theme.ts';
import type { Cell, Grid } from '../grid.ts';
import type { Scene } from '../scene.ts';
import type { Subject } from '../subject.ts';
import type { Axes } from './selection.ts';
import type { ExportView } from './views.ts';

/** Pictures that a screen gives. */
export interface PictureSource {
  /** Names of the views as the dialog lists them, by id. */
  readonly views: readonly (readonly [id: string, title: string])[];
  /** The view that the screen shows. */
  readonly first: string;
  show(view: string, theme: Theme): ExportView;
  /** Cell around which a large grid is cut at first. */
  around?(view: string, grid: Grid): Cell | undefined;
  /** CSS selector of the canvas that shows a view on the screen. */
  onScreen?(view: string): string;
  fileName(view: string, extension: string): string;
  readonly link: string;
}

export const TEXT_FORMATS = {
  csv: 'CSV table',
  markdown: 'Markdown',
  typescript: 'TypeScript',
  torch: 'torch',
  link: 'Link',
} as const;
export type TextFormat = keyof typeof TEXT_FORMATS;

export const EXTENSION: Readonly<Record<TextFormat, string>> = {
  csv: 'csv',
  markdown: 'md',
  typescript: 'ts',
  torch: 'py',
  link: 'txt',
};

/** A text and what the dialog says about it. */
export interface MadeText {
  readonly text: string;
  readonly summary: string;
}

/** A text that a screen gives. */
export interface TextSource {
  readonly format: TextFormat;
  readonly fileName: string;
  /** Set where a part can be chosen: of what, and the part at first. */
  readonly range?: { readonly axes: Axes; readonly first: string };
  /**
   * @param range empty for everything
   * @throws SceneError for a range that is not understood
   */
  make(range: string): MadeText;
}

/** What the dialog exports on a screen. */
export type Exportable =
  /** A layout, and the data of a file in it. */
  | {
      readonly kind: 'subject';
      readonly scene: Scene;
      readonly subject: Subject;
      /** Name of the tensor, where it comes from a file. */
      readonly data: string | undefined;
      readonly pictures: PictureSource;
    }
  | {
      readonly kind: 'ready';
      readonly pictures: PictureSource | undefined;
      readonly texts: readonly TextSource[];
    }
  | { readonly kind: 'nothing'; readonly message: string; readonly isError: boolean };
