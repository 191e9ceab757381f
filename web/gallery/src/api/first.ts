// What the server wrote into the page beside its HTML, so that nothing is asked twice.

import type { QueryClient } from "@tanstack/react-query";
import { type ListParams, paramsOf } from "./params";
import { queries } from "./queries";
import { reading, speed, timings } from "./speed";
import type {
  Cards,
  Character,
  Facets,
  Featured,
  Images,
  Me,
  Mode,
  Page,
  Preferences,
  User,
} from "./types";

export interface First {
  me: Me;
  /** Whether #root holds the markup of this very page, to be taken over as it stands. */
  is_written: boolean;
  list?: Page;
  facets?: Facets;
  featured?: Featured;
  preferences?: Preferences;
  character?: Character;
  similar?: Cards;
  images?: Images;
}

const NOTHING: First = { me: { user: null }, is_written: false };

/** The first data of this document; of a page without any, nobody's. */
export function first(): First {
  const text = document.getElementById("first")?.textContent;
  return text ? (JSON.parse(text) as First) : NOTHING;
}

/** The list that somebody opens Gallery with. */
export const homeOf = (user: User | null, preferences: Preferences | undefined): Mode =>
  (user && preferences?.sort) || "trending";

/** Give `told` to the cache, as if each part had just been fetched. */
export function seed(client: QueryClient, told: First, search: string): void {
  client.setQueryData(queries.me().queryKey, told.me);
  if (told.preferences) client.setQueryData(queries.preferences().queryKey, told.preferences);
  if (told.facets) client.setQueryData(queries.facets().queryKey, told.facets);
  if (told.featured) client.setQueryData(queries.featured().queryKey, told.featured);
  if (told.list) {
    const params: ListParams = paramsOf(search, homeOf(told.me.user, told.preferences));
    client.setQueryData(queries.list(params).queryKey, told.list);
  }
  if (told.character) {
    const { id } = told.character;
    client.setQueryData(queries.character(id).queryKey, told.character);
    if (told.similar) client.setQueryData(queries.similar(id).queryKey, told.similar);
    if (told.images) client.setQueryData(queries.imagesOf(id).queryKey, told.images);
  }
}

/** The page's own answer is the first that "how fast was this" tells of. */
export function tellOfThePage(): void {
  const [page] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  if (!page) return;
  const parts = page.serverTiming.map(({ name, duration, description }) => ({
    name,
    duration,
    description,
  }));
  speed.tell(reading(parts.length ? parts : timings(""), null, null));
}
