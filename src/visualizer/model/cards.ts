import { printPermalink } from './permalink.ts';
import type { Preset } from './presets.ts';
import { bindSubject } from './subject.ts';

/** What a card says. */
export interface CardText {
  readonly link: string;
  readonly title: string;
  readonly text: string;
  readonly type: string;
  readonly shape: string;
  /** View, pad and order. */
  readonly notation: string;
  readonly source: string;
}

/** The text of a preset's card; sizes of the notation's digits as bound. */
export function cardOf({ scene, title, text }: Preset): CardText {
  const { tensor, resolved } = bindSubject(scene);
  const { layout } = tensor;
  return {
    link: printPermalink(
      scene,
      layout.dims.map(({ name }) => name),
    ),
    title,
    text,
    type: scene.type,
    shape: layout.shape.join(' × '),
    notation: layout.toString(),
    source: resolved.source,
  };
}

/** Whether every word of a query occurs in a card, whatever the case. */
export function matches(card: CardText, query: string): boolean {
  const { title, text, type, shape, notation, source, link } = card;
  const haystack = [title, text, type, shape, notation, source, decodeURIComponent(link)].join(' ').toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => haystack.includes(word));
}
