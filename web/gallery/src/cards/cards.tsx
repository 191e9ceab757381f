import { Link } from "wouter";
import type { Card as CardData } from "../api/types";
import css from "./cards.module.css";
import { usePeek } from "./peek";
import { Portrait } from "./portrait";
import { count } from "./words";

/** The wall's columns (cards.module.css), as the browser must know them before the sheet. */
export const WALL_SIZES =
  "(min-width: 84rem) 19.4rem, (min-width: 60rem) calc((100vw - 6.25rem) / 4), " +
  "(min-width: 40rem) calc((100vw - 5rem) / 3), calc((100vw - 2.9rem) / 2)";

/** How many of the first cards are surely on the first screen, on the narrowest and widest. */
export const FIRST_ROW = 4;

/** How many are on, or just below, the first screen of anybody. */
export const FIRST_SCREENS = 12;

/** The columns of a row below the page's subject. */
export const ROW_SIZES = "(min-width: 40rem) 12rem, calc((100vw - 3rem) / 2)";

interface CardProps {
  card: CardData;
  /** One below the heading that the list stands under. */
  heading?: "h2" | "h3";
  isFirst?: boolean;
  isFar?: boolean;
  sizes?: string;
}

export function Card({
  card,
  heading: Heading = "h2",
  isFirst = false,
  isFar = false,
  sizes = WALL_SIZES,
}: CardProps) {
  const peek = usePeek(card);
  const of = { kind: "portrait", id: card.id, digest: card.picture } as const;
  return (
    <li className={css.card} onPointerEnter={peek} onFocus={peek}>
      <Portrait of={of} sizes={sizes} alt="" tones={card.tones} isFirst={isFirst} isFar={isFar} />
      <Heading className={css.name}>
        <Link href={`/characters/${card.id}`}>{card.name}</Link>
      </Heading>
      <p className={css.caption}>
        <span className={css.creator}>{card.creator}</span>
        <span className={css.likes}>
          {count(card.like_count)}
          <span className="unseen">{card.like_count === 1 ? " like" : " likes"}</span>
        </span>
      </p>
    </li>
  );
}

interface CardsProps {
  cards: CardData[];
  /** Beside the page's subject, under a heading of its own, and below the first screen. */
  isRow?: boolean;
}

export function Cards({ cards, isRow = false }: CardsProps) {
  return (
    <ul className={isRow ? css.row : css.wall}>
      {cards.map((card, at) => (
        <Card
          key={card.id}
          card={card}
          heading={isRow ? "h3" : "h2"}
          isFirst={at < FIRST_ROW && !isRow}
          isFar={at >= FIRST_SCREENS}
          sizes={isRow ? ROW_SIZES : WALL_SIZES}
        />
      ))}
    </ul>
  );
}
