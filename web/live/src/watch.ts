// For pages without a framework: a function that is called again when what it fetched is stale.

import type { Live } from "./live.ts";
import type { Stamp } from "./stamp.ts";

export interface Watch {
  /** Settles when the first call has. */
  readonly first: Promise<void>;
  stop(): void;
}

type Watched = Pick<
  Live,
  "run" | "stampOf" | "again" | "isStale" | "isStaleOnArrival" | "onChange"
>;

export function watch(live: Watched, task: (signal: AbortSignal) => unknown): Watch {
  const leaving = new AbortController();
  const { signal } = leaving;
  let held: Stamp | undefined;
  let isRunning = false;

  const go = async (): Promise<void> => {
    isRunning = true;
    try {
      const { stamp } = await live.run((claim) => {
        claim(signal);
        return task(signal);
      });
      arrived(stamp);
    } catch (error) {
      arrived(live.stampOf(error) ?? held);
      throw error;
    } finally {
      isRunning = false;
    }
  };
  const arrived = (stamp: Stamp | undefined): void => {
    held = stamp;
    if (!signal.aborted && stamp && live.isStaleOnArrival(stamp)) again.stale();
    else again.fresh();
  };
  const again = live.again(() => {
    // What it fetched last time is still shown if this time fails; the next change tries again.
    if (!isRunning) go().catch(() => {});
  });
  const heard = live.onChange(() => {
    // While it runs, its end will judge.
    if (isRunning || !held || !live.isStale(held)) return;
    again.renew();
    again.stale();
  });
  const seen = (): void => {
    if (!document.hidden) again.seen();
  };
  globalThis.document?.addEventListener("visibilitychange", seen);

  return {
    first: go(),
    stop() {
      leaving.abort();
      again.stop();
      heard();
      globalThis.document?.removeEventListener("visibilitychange", seen);
    },
  };
}
