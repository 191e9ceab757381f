// The live channel: what the server invalidated ends what this page holds, in every tab.

import { Live } from "@keepwarm/live";
import { type LiveQueries, liveQueries } from "@keepwarm/live/tanstack";
import type { QueryClient } from "@tanstack/react-query";
import { fetchWith } from "./client";

/** Where the data of a page was read, and what it depends on; as the response's fields say. */
export interface Stamp {
  position: string;
  tags: string;
}

let live: Live | null = null;

/** Connect, from the place on where the page's own data was read. */
export function connect(client: QueryClient, position: string): LiveQueries {
  live = new Live("/live", { position });
  live.onState((state) => {
    document.documentElement.dataset.live = state;
  });
  fetchWith(live.fetch);
  return liveQueries(live, client);
}

/** Somebody signed in or out: the stream goes on as somebody else's. */
export const reconnect = (): void => live?.reconnect();
