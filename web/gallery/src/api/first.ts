// What the server wrote into the page beside its HTML, so that nothing is asked twice.

import type { QueryClient, QueryKey } from "@tanstack/react-query";
import { connect, type Stamp } from "./live";
import { type ListParams, listPath, paramsOf } from "./params";
import { characterPath, FEATURED, queries } from "./queries";
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
  /** Of the parts above, where there is a live channel. */
  stamps?: Partial<Record<Part, Stamp>>;
}

type Part = "list" | "facets" | "featured" | "preferences" | "character" | "similar" | "images";

const NOTHING: First = { me: { user: null }, is_written: false };

/** The first data of this document; of a page without any, nobody's. */
export function first(): First {
  const text = document.getElementById("first")?.textContent;
  return text ? (JSON.parse(text) as First) : NOTHING;
}

/** The list that somebody opens Gallery with. */
export const homeOf = (user: User | null, preferences: Preferences | undefined): Mode =>
  (user && preferences?.sort) || "trending";

/** Give `told` to the cache, as if each part had just been fetched, and go on from there. */
export function seed(client: QueryClient, told: First, search: string): void {
  const [read] = Object.values(told.stamps ?? {});
  const live = read && connect(client, read.position);
  const put = (queryKey: QueryKey, part: Part) => {
    const value = told[part];
    const stamp = told.stamps?.[part];
    if (value === undefined) return;
    if (live && stamp) live.seed(queryKey, value, stamp.position, stamp.tags);
    else client.setQueryData(queryKey, value);
  };
  client.setQueryData(queries.me().queryKey, told.me);
  put(queries.preferences().queryKey, "preferences");
  put(queries.facets().queryKey, "facets");
  put(queries.featured().queryKey, "featured");
  const params: ListParams = paramsOf(search, homeOf(told.me.user, told.preferences));
  put(queries.list(params).queryKey, "list");
  if (told.character) {
    const { id } = told.character;
    put(queries.character(id).queryKey, "character");
    put(queries.similar(id).queryKey, "similar");
    put(queries.imagesOf(id).queryKey, "images");
  }
}

/** Where the API has what `told` is about; null if it is about nothing that is fetched. */
function addressOf({ character, featured, list, me, preferences }: First, search: string) {
  if (character) return characterPath(character.id);
  if (featured) return FEATURED;
  return list ? listPath(paramsOf(search, homeOf(me.user, preferences))) : null;
}

/** The page's own answer is the first that "how fast was this" tells of. */
export function tellOfThePage(told: First, search: string): void {
  const path = addressOf(told, search);
  const [page] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  if (!page || path === null) return;
  const parts = page.serverTiming.map(({ name, duration, description }) => ({
    name,
    duration,
    description,
  }));
  speed.tell(path, reading(parts.length ? parts : timings(""), null, null));
}
