// SWR, live:
//
//     const live = new Live("/live");
//     const swr = liveSWR(live);
//     <SWRConfig value={{ use: [swr.middleware], fetcher: (url) => live.fetch(url).then(...) }}>
//
// Each fetch of each key is noted, and the key is revalidated when what its responses depend
// on was invalidated. What was overtaken while it was fetched is revalidated, too: `mutate`
// marks nothing where there is no data yet. Preload with `swr.preload`: SWR calls the fetcher
// of its own `preload` outside of any middleware, so nobody could note what it fetched.

import { useEffect } from "react";
import {
  type BareFetcher,
  type Key,
  type Middleware,
  type SWRHook,
  preload as swrPreload,
  unstable_serialize,
} from "swr";
import type { Again } from "./again.ts";
import type { Live } from "./live.ts";
import type { Stamp } from "./stamp.ts";

/** What is known of one key, mounted or not: SWR keeps its data either way. */
interface Held {
  /** By the fetcher's argument: one, or one for each page of an infinite key. */
  readonly stamps: Map<string, Stamp>;
  readonly again: Again;
  readonly mounted: Set<() => unknown>;
  running: number;
}

export interface LiveSWR {
  readonly middleware: Middleware;
  /** As SWR's own, and live. */
  readonly preload: (key: Key, fetcher: BareFetcher) => Promise<unknown>;
}

export function liveSWR(live: Live): LiveSWR {
  const all = new Map<string, Held>();

  function heldOf(name: string): Held {
    let held = all.get(name);
    if (!held) {
      const made: Held = {
        stamps: new Map(),
        again: live.again(() => void fetchAgain(made)),
        mounted: new Set(),
        running: 0,
      };
      held = made;
      all.set(name, held);
    }
    return held;
  }

  const isStale = (held: Held): boolean => [...held.stamps.values()].some((s) => live.isStale(s));

  async function fetchAgain(held: Held): Promise<void> {
    const [mutate] = held.mounted;
    // A fetch that is under way will be judged when it ends. Nobody mounted: the next who
    // mounts will ask.
    if (!mutate || held.running > 0) return;
    const before = new Map(held.stamps);
    await mutate();
    const kept = [...before].filter(([part, stamp]) => held.stamps.get(part) === stamp);
    // Pages that an infinite key no longer has; a fetch that failed has replaced nothing.
    if (kept.length < before.size) for (const [part] of kept) held.stamps.delete(part);
  }

  function noted(name: string, fetcher: BareFetcher): BareFetcher {
    return async (...given: unknown[]) => {
      const held = heldOf(name);
      held.running += 1;
      try {
        const { value, stamp } = await live.run(() => fetcher(...given));
        const part = unstable_serialize(given[0] as Key);
        if (stamp) held.stamps.set(part, stamp);
        else held.stamps.delete(part);
        if (stamp && live.isStaleOnArrival(stamp)) held.again.stale();
        else if (!isStale(held)) held.again.fresh();
        return value;
      } finally {
        held.running -= 1;
      }
    };
  }

  live.onChange(() => {
    for (const held of all.values()) {
      if (held.mounted.size === 0 || !isStale(held)) continue;
      held.again.renew();
      held.again.stale();
    }
  });
  globalThis.document?.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const held of all.values()) held.again.seen();
  });

  const middleware: Middleware = (useNext: SWRHook) => (key, fetcher, config) => {
    const name = unstable_serialize(key as Key);
    const wrapped = fetcher && name ? noted(name, fetcher as BareFetcher) : fetcher;
    const swr = useNext(key as Key, wrapped as BareFetcher, config as never);
    const { mutate } = swr;

    useEffect(() => {
      if (!name) return;
      const held = heldOf(name);
      const revalidate = (): unknown => mutate();
      held.mounted.add(revalidate);
      if (isStale(held)) held.again.stale();
      return () => {
        held.mounted.delete(revalidate);
        if (held.mounted.size === 0) held.again.stop();
      };
    }, [name, mutate]);

    return swr as never;
  };

  return {
    middleware,
    preload: (key, fetcher) =>
      swrPreload(key, noted(unstable_serialize(key), fetcher)) as Promise<unknown>,
  };
}
