// TanStack Query, live: each query is invalidated when something it depends on was, and only then.
//
//     const live = new Live("/live");
//     const queryClient = new QueryClient({ ... });
//     const queries = liveQueries(live, queryClient);
//     useQuery({ queryKey: ["character", 5], queryFn: () => live.fetch("/api/characters/5").then(...) });
//
// No query names its tags: the responses do, and every fetch of every query of this client is
// noted, prefetches and infinite ones too. That happens in the client's default `persister`,
// the one place that sees each call of a query function together with its query.
//
// `invalidateQueries` alone loses what arrives during a first fetch: there is no data yet to be
// marked, and the answer under way, read before, then counts as fresh (TanStack/query #8530,
// #11526). So each success is compared with the floors of its tags, and one that is below is
// invalidated again.

import type {
  Query,
  QueryClient,
  QueryFunctionContext,
  QueryKey,
  QueryPersister,
} from "@tanstack/query-core";
import type { Again } from "./again.ts";
import type { Live } from "./live.ts";
import type { Stamp } from "./stamp.ts";

type AnyQuery = Query<unknown, Error, unknown, QueryKey>;
type Context = QueryFunctionContext<QueryKey>;

/** What is known of one query's data. */
interface Held {
  stamp: Stamp | undefined;
  /** Of the fetch under way or just ended; the next success is its result. */
  arriving: Stamp | undefined;
  /** Which call of the query function is the latest: a cancelled one may end after it. */
  call: number;
  readonly again: Again;
}

export interface LiveQueries {
  /** Data that a page brought along: set it, and say where it was read and what it depends on. */
  seed(queryKey: QueryKey, data: unknown, position: string, tags: string | readonly string[]): void;
  /** Let the client alone from now on. */
  disconnect(): void;
}

export interface LiveQueriesOptions {
  /**
   * Told once of each query whose responses said nothing of themselves: fetched without
   * `live.fetch`, or from a route that takes no part. `meta: { live: false }` says that this
   * is meant. In development the default is a warning on the console.
   */
  readonly onUntold?: (queryKey: QueryKey) => void;
}

export function liveQueries(
  live: Live,
  client: QueryClient,
  options: LiveQueriesOptions = {},
): LiveQueries {
  const cache = client.getQueryCache();
  const all = new WeakMap<AnyQuery, Held>();
  const untold = new Set<string>();
  const before = client.getDefaultOptions();

  function heldOf(query: AnyQuery): Held {
    let held = all.get(query);
    if (!held) {
      const again = live.again(() => fetchAgain(query));
      held = { stamp: undefined, arriving: undefined, call: 0, again };
      all.set(query, held);
    }
    return held;
  }

  function fetchAgain(query: AnyQuery): void {
    // Joins a fetch that is under way: its success will be judged, and cancelling it each time
    // would starve a query whose tags are written often.
    client.refetchQueries(
      { predicate: (each) => each === query, type: "active" },
      { cancelRefetch: false },
    );
  }

  function stale(query: AnyQuery, held: Held): void {
    // Marked at once, so that nobody who mounts meanwhile takes it for fresh.
    query.invalidate();
    // A fetch that is under way is judged when it ends.
    if (query.isActive() && query.state.fetchStatus === "idle") held.again.stale();
  }

  async function noted(
    queryFn: (context: Context) => unknown,
    context: Context,
    query: AnyQuery,
  ): Promise<unknown> {
    const held = heldOf(query);
    held.call += 1;
    const { call } = held;
    held.arriving = undefined;
    const isPage = query.state.fetchMeta?.fetchMore !== undefined;
    const { value, stamp } = await live.run((claim) => queryFn(claiming(context, claim)));
    if (call === held.call) {
      held.arriving = isPage ? live.merged(held.stamp, stamp) : stamp;
      if (!stamp) tell(query);
    }
    return value;
  }

  function tell(query: AnyQuery): void {
    if (untold.has(query.queryHash) || query.meta?.live === false) return;
    untold.add(query.queryHash);
    (options.onUntold ?? warn)(query.queryKey);
  }

  /** There is new data, or an error in its place. */
  function arrived(query: AnyQuery, stamp: Stamp | undefined): void {
    const held = heldOf(query);
    held.stamp = stamp;
    if (!stamp) return;
    if (live.isStaleOnArrival(stamp)) stale(query, held);
    else held.again.fresh();
  }

  /**
   * The data is as old as it was, whatever happened to the query: it was written by hand, a
   * fetch failed, or one was cancelled, which takes back a mark set while it was under way.
   */
  function stayed(query: AnyQuery): void {
    const held = all.get(query);
    if (held?.stamp && live.isStale(held.stamp)) stale(query, held);
  }

  const unsubscribe = cache.subscribe((event) => {
    const query = event.query as AnyQuery;
    if (event.type === "removed") all.get(query)?.again.stop();
    if (event.type !== "updated") return;
    const { action } = event;
    if (action.type === "success" && !action.manual) arrived(query, heldOf(query).arriving);
    else if (action.type === "error" && query.state.data === undefined) {
      arrived(query, live.stampOf(action.error));
    } else if (["success", "error", "setState"].includes(action.type)) stayed(query);
  });

  const unhear = live.onChange(() => {
    for (const query of cache.getAll() as AnyQuery[]) {
      const held = all.get(query);
      if (!held?.stamp || !live.isStale(held.stamp)) continue;
      held.again.renew();
      stale(query, held);
    }
  });

  const seen = (): void => {
    if (document.hidden) return;
    for (const query of cache.getAll() as AnyQuery[]) all.get(query)?.again.seen();
  };
  globalThis.document?.addEventListener("visibilitychange", seen);

  client.setDefaultOptions({
    ...before,
    queries: {
      // A persister makes "offlineFirst" the default; ours stores nothing.
      networkMode: "online",
      ...before.queries,
      persister: noted as QueryPersister,
    },
  });

  return {
    seed(queryKey, data, position, tags) {
      client.setQueryData(queryKey, data);
      const query = cache.find({ queryKey }) as AnyQuery | undefined;
      if (!query) return;
      const held = heldOf(query);
      held.stamp = live.stamp(position, tags);
      if (held.stamp && live.isStale(held.stamp)) stale(query, held);
    },
    disconnect() {
      unsubscribe();
      unhear();
      globalThis.document?.removeEventListener("visibilitychange", seen);
      client.setDefaultOptions(before);
      for (const query of cache.getAll() as AnyQuery[]) all.get(query)?.again.stop();
    },
  };
}

/**
 * The context as it was; when the query function reads its signal, requests made with that are
 * claimed. Reading it tells TanStack that the function can be cancelled, so it is not read here.
 */
function claiming(context: Context, claim: (signal: AbortSignal) => void): Context {
  const parts = Object.getOwnPropertyDescriptors(context);
  // An infinite query's context has it as a value, and makes contexts of its own for pages.
  if (parts.signal.value) claim(parts.signal.value);
  const signal = {
    enumerable: true,
    get() {
      claim(context.signal);
      return context.signal;
    },
  };
  return Object.defineProperties({} as Context, { ...parts, signal });
}

function warn(queryKey: QueryKey): void {
  // biome-ignore lint/suspicious/noConsole: whoever forgot `live.fetch` looks here
  console.warn(
    "keepwarm: no response of this query says what it depends on, so it is not live:",
    queryKey,
  );
}
