// What a hovered or focused card leads to is fetched before it is asked for, picture included.

import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useCallback, useRef } from "react";
import { preload } from "react-dom";
import { queries } from "../api/queries";
import type { Card } from "../api/types";
import { loadCharacter } from "../pages/chunks";
import { mediaPath, type Pictured, srcSet } from "./picture";

/** The portrait of a character's own page (pages/character.module.css). */
export const LARGE_SIZES = "(min-width: 60rem) 36rem, calc(100vw - 2rem)";

/** Passing over a card is not wanting it. */
const RESTS_FOR_MS = 60;

const nothing = () => {};

export function peekAt(client: QueryClient, card: Pick<Card, "id" | "picture">): void {
  loadCharacter().catch(nothing);
  client.query(queries.character(card.id)).catch(nothing); // its page says what is wrong
  client.query(queries.similar(card.id)).catch(nothing);
  client.query(queries.imagesOf(card.id)).catch(nothing);
  preloadLarge({ kind: "portrait", id: card.id, digest: card.picture });
}

function preloadLarge(of: Pictured): void {
  preload(mediaPath(of, 640, "avif"), {
    as: "image",
    type: "image/avif", // a browser that cannot show it does not fetch it
    imageSrcSet: srcSet(of, "avif"),
    imageSizes: LARGE_SIZES,
    fetchPriority: "low",
  });
}

/** A handler that fetches the page of `card` once the pointer or the focus stays on it. */
export function usePeek(card: Pick<Card, "id" | "picture">): (event: React.SyntheticEvent) => void {
  const client = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  return useCallback(
    (event) => {
      const element = event.currentTarget as HTMLElement;
      clearTimeout(timer.current);
      timer.current = setTimeout(() => {
        if (element.matches(":hover, :focus-within")) peekAt(client, card);
      }, RESTS_FOR_MS);
    },
    [client, card],
  );
}
