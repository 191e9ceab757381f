// Floors: for each tag, the highest position at which what carries it is known to have ended.
//
// A response that was read below the floor of one of its tags is stale, however late it
// arrives. That closes the race which forwarding invalidations alone leaves open:
//
//   1. the tab asks for X; the server reads X at position 10
//   2. somebody writes X: the invalidation has position 11 and overtakes the response
//   3. the tab holds nothing that 11 concerns, and does nothing
//   4. the response of 1 arrives and counts as fresh. With a floor of 11 it does not.
//
// Two kinds of knowledge are missing at times, and both are judged by order in this tab: what
// was *asked for* after something was heard has been read after it. `since` is where hearing
// began (the first message, or the last reset): what was asked for before, and read below it,
// may have missed anything. And positions of two incarnations cannot be compared at all.

import type { Message } from "./messages.ts";
import type { Position } from "./position.ts";
import type { Stamp } from "./stamp.ts";

/** On a response: it depends on more than is worth listing, so on all. */
export const ANY = "*";

/** Enough for minutes of a busy site; only requests under way need a floor for longer. */
const MAX_FLOORS = 4096;

interface Floor {
  readonly n: number;
  readonly at: number;
}

/** All that is known, as one tab tells another. */
export interface Snapshot {
  readonly incarnation: string;
  readonly since: number;
  readonly upTo: number;
  readonly floors: readonly (readonly [string, number])[];
}

export class Floors {
  /** Counts what was heard; a request notes it when it begins. */
  tick = 1;
  #incarnation = "";
  #since = 0;
  /** All messages up to here have been heard, since `since`. */
  #upTo = 0;
  #sinceAt = 0;
  #droppedAt = 0;
  #droppedN = 0;
  /** The highest floor of all: that of what depends on everything. */
  #highest: Floor = { n: -1, at: 0 };
  readonly #floors = new Map<string, Floor>();
  readonly #max: number;

  constructor(max = MAX_FLOORS) {
    this.#max = max;
  }

  /**
   * Take in a message of the stream. `from` is where it goes on from, if it is the first of a
   * connection: it tells all that ended since. Says whether anything held may have become stale.
   */
  hear(message: Message, from?: Position): boolean {
    const { incarnation, n } = message.seq;
    const isReset = message.kind === "reset" || incarnation !== this.#incarnation;
    const isGap = !this.#sinceAt || (from !== undefined && from.n > this.#upTo);
    const began = isReset || isGap;
    if (began) {
      const tellsAll = message.kind !== "reset" && from?.incarnation === incarnation;
      this.#begin(incarnation, tellsAll ? from.n : n);
    }
    this.#upTo = n;
    return (message.kind === "tags" && this.raise(incarnation, message.tags)) || began;
  }

  /** Tags ended at positions. Says whether that was news. */
  raise(incarnation: string, tags: Iterable<readonly [string, number]>): boolean {
    // Before the first message there is no `since` yet; a floor of ours needs an incarnation.
    if (!this.#incarnation) this.#incarnation = incarnation;
    if (incarnation !== this.#incarnation) return false; // a reset is on its way
    let isNews = false;
    const at = this.tick + 1;
    for (const [tag, n] of tags) {
      if (n <= (this.#floors.get(tag)?.n ?? -1)) continue;
      this.#floors.delete(tag); // to the end: the map is in the order of hearing
      this.#floors.set(tag, { n, at });
      if (n > this.#highest.n) this.#highest = { n, at };
      isNews = true;
    }
    if (isNews) this.tick = at;
    this.#drop();
    return isNews;
  }

  /** Whether what is held under `stamp` may be stale. */
  isStale(stamp: Stamp): boolean {
    const isComparable = stamp.incarnation === this.#incarnation;
    if (stamp.at < this.#sinceAt && !(isComparable && stamp.n >= this.#since)) return true;
    return stamp.tags.some((tag) => {
      const floor = tag === ANY ? this.#highest : this.#floors.get(tag);
      return floor && (isComparable ? stamp.n < floor.n : stamp.at < floor.at);
    });
  }

  /** The same for what has just arrived, which may have been under way for longer than floors last. */
  isStaleOnArrival(stamp: Stamp): boolean {
    return stamp.at < this.#droppedAt || this.isStale(stamp);
  }

  snapshot(): Snapshot | undefined {
    if (!this.#sinceAt) return undefined;
    const floors = [...this.#floors].map(([tag, { n }]) => [tag, n] as const);
    const since = Math.max(this.#since, this.#droppedN);
    return { incarnation: this.#incarnation, since, upTo: this.#upTo, floors };
  }

  /** Take over what another tab knows. Says whether anything held may have become stale. */
  adopt(known: Snapshot): boolean {
    const isOther = known.incarnation !== this.#incarnation;
    // Where they began after we had stopped listening, nobody has heard what was between.
    const isGap = !this.#sinceAt || known.since > this.#upTo;
    if (isOther || isGap) this.#begin(known.incarnation, known.since);
    this.#upTo = isOther ? known.upTo : Math.max(this.#upTo, known.upTo);
    return this.raise(known.incarnation, known.floors) || isOther || isGap;
  }

  #begin(incarnation: string, n: number): void {
    if (incarnation !== this.#incarnation) {
      this.#floors.clear();
      this.#highest = { n: -1, at: 0 };
      this.#droppedN = 0;
    }
    this.#incarnation = incarnation;
    this.#since = n;
    this.tick += 1;
    this.#sinceAt = this.tick;
  }

  #drop(): void {
    for (const [tag, floor] of this.#floors) {
      if (this.#floors.size <= this.#max) return;
      this.#floors.delete(tag);
      this.#droppedAt = floor.at;
      this.#droppedN = Math.max(this.#droppedN, floor.n);
    }
  }
}
