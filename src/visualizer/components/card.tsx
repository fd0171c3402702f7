import type { ComponentChildren, JSX } from 'preact';
import type { CardText } from '../model/cards.ts';

/** A link to a scene: picture, title, sentence, notation and origin. The whole card is the link. */
export function Card({
  card,
  children,
}: {
  readonly card: CardText;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <li class="card">
      <div class="card-picture" aria-hidden="true">
        {children}
      </div>
      <h3>
        <a href={card.link}>{card.title}</a>
      </h3>
      <p class="card-text">{card.text}</p>
      <p class="card-facts">
        <span class="tag">{card.type}</span>
        <span class="tag">{card.shape}</span>
      </p>
      <p class="card-notation">
        {card.notation.split('->').map((side, index) => (
          <span key={side}>
            {index === 0 ? null : <span class="arrow">{'->'}</span>}
            {side}
          </span>
        ))}
      </p>
      <p class="card-source">{card.source}</p>
    </li>
  );
}
