import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { FEATURED, queries } from "../api/queries";
import { useSpeedOf } from "../api/speed";
import type { User } from "../api/types";
import { Cards } from "../cards/cards";
import cards from "../cards/cards.module.css";
import { Empty, Failed, WaitingCards } from "../ui/states";
import { useTitle } from "../ui/title";
import css from "./wall.module.css";

/** What trends, weighed by what its reader likes. */
export function Featured({ user }: { user: User | null }) {
  const found = useQuery(queries.featured());
  const title = user ? "Featured for you" : "Featured";
  useTitle(title);
  useSpeedOf(FEATURED);
  return (
    <>
      <div className={css.bar}>
        <h1>{title}</h1>
        <p className={css.total}>
          {user ? "From what you liked, and from " : "What many like just now. "}
          {user ? (
            <Link href="/preferences">your preferences</Link>
          ) : (
            <Link href="/sign-in?next=%2Ffeatured">Sign in to see it by your taste</Link>
          )}
        </p>
      </div>
      {found.data ? (
        found.data.items.length > 0 ? (
          <Cards cards={found.data.items} />
        ) : (
          <Empty title="Nothing to feature yet">
            <p>It takes a few likes. Look around and come back.</p>
          </Empty>
        )
      ) : found.isError ? (
        <Failed error={found.error} again={() => found.refetch()} />
      ) : (
        <WaitingCards count={24} className={cards.wall} />
      )}
    </>
  );
}
