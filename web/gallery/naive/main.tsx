// The page as it is usually made, to be measured against: an empty document, a script that
// fetches a list and then draws it, one large WebP for each card. Only tests build this.

import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import type { Page } from "../src/api/types";
import css from "../src/cards/cards.module.css";
import "../src/styles/tokens.css";
import "../src/styles/base.css";

function Wall() {
  const { data } = useQuery({
    queryKey: ["characters"],
    queryFn: async () => (await (await fetch("/api/characters?mode=trending")).json()) as Page,
  });
  if (!data) return <p>Loading …</p>;
  return (
    <main>
      <h1>Trending</h1>
      <ul className={css.wall}>
        {data.items.map((card) => (
          <li key={card.id} className={css.card}>
            <img src={`/media/${card.picture}/portrait-${card.id}-640.webp`} alt="" />
            <h2 className={css.name}>{card.name}</h2>
            <p className={css.caption}>{card.creator}</p>
          </li>
        ))}
      </ul>
    </main>
  );
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <QueryClientProvider client={new QueryClient()}>
      <Wall />
    </QueryClientProvider>,
  );
}
