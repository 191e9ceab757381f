// SWR, live, as a middleware:
//
//     const live = new Live("/live");
//     <SWRConfig value={{ use: [liveSWR(live)], fetcher: (url) => live.fetch(url).then(...) }}>
//
// Each fetch of each key is noted, and the key is revalidated when what its responses depend
// on was invalidated. A first fetch that was overtaken by an invalidation is revalidated too:
// `mutate` marks nothing where there is no data yet.

import { useEffect, useRef } from "react";
import type { BareFetcher, Key, Middleware, SWRHook } from "swr";
import type { Again } from "./again.ts";
import type { Live } from "./live.ts";
import type { Stamp } from "./stamp.ts";

export function liveSWR(live: Live): Middleware {
  return (useNext: SWRHook) => (key, fetcher, config) => {
    const held = useRef<Stamp>(undefined);
    const mutate = useRef<() => unknown>(undefined);
    const again = useRef<Again>(undefined);
    again.current ??= live.again(() => void mutate.current?.());

    const noted: BareFetcher | null = fetcher
      ? async (...given: unknown[]) => {
          const { value, stamp } = await live.run(() => (fetcher as BareFetcher)(...given));
          held.current = stamp;
          if (stamp && live.isStaleOnArrival(stamp)) again.current?.stale();
          else again.current?.fresh();
          return value;
        }
      : null;
    const swr = useNext(key as Key, noted, config as never);
    mutate.current = () => swr.mutate();

    useEffect(() => {
      const heard = live.onChange(() => {
        if (!held.current || !live.isStale(held.current)) return;
        again.current?.renew();
        again.current?.stale();
      });
      const seen = (): void => {
        if (!document.hidden) again.current?.seen();
      };
      document.addEventListener("visibilitychange", seen);
      return () => {
        heard();
        again.current?.stop();
        document.removeEventListener("visibilitychange", seen);
      };
    }, []);

    return swr as never;
  };
}
