// One stream of messages for as long as it is wanted, over whichever way works.
//
// WebSocket, then server-sent events, then long poll: the next way is tried when one has
// yielded nothing, be it refused at once or silent (a box in between that buffers). The one
// that yielded something is tried first again. Between rounds the wait doubles, with jitter,
// so that a server's restart does not bring everybody back in the same instant.

import type { Message } from "./messages.ts";
import type { Position } from "./position.ts";
import type { Transport, Why } from "./transports.ts";

export type StreamState = "connecting" | "open" | "over";

export interface Hearing {
  /** `from`, with the first message of a connection: it tells all that ended since. */
  message(message: Message, from: Position | undefined): void;
  state(state: StreamState): void;
}

export interface Timing {
  /** How long a way may yield nothing before the next is tried. */
  readonly firstMs: number;
  /** The server says something every 15 s; after this long it is gone. */
  readonly silenceMs: number;
  readonly retryMs: number;
  readonly retryMaxMs: number;
  /** After "too many connections". */
  readonly crowdedMs: number;
}

export const TIMING: Timing = {
  firstMs: 5_000,
  silenceMs: 40_000,
  retryMs: 250,
  retryMaxMs: 15_000,
  crowdedMs: 30_000,
};

/** A connection that lived for less was none; one that dies young again and again is not hurried. */
const YOUNG_MS = 2_000;
const MOST_YOUNG = 8;

export class Stream {
  /** The last position heard: where the next connection goes on. */
  cursor: Position | undefined;
  readonly #base: string;
  readonly #to: Hearing;
  readonly #ways: readonly Transport[];
  readonly #timing: Timing;
  #way = 0;
  #failures = 0;
  /** Connections in a row that said something and were lost at once. */
  #young = 0;
  #openedAt = 0;
  #close: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lastHeard = 0;
  #isWaiting = false;

  constructor(base: string, to: Hearing, ways: readonly Transport[], timing: Timing = TIMING) {
    this.#base = base;
    this.#to = to;
    this.#ways = ways;
    this.#timing = timing;
  }

  open(): void {
    this.close();
    const way = this.#ways[this.#way];
    if (!way) return;
    const began = this.cursor;
    let isFirst = true;
    this.#to.state("connecting");
    this.#expect(this.#timing.firstMs, () => this.#ended("lost", false));
    const heard = (): void => {
      this.#lastHeard = Date.now();
      if (isFirst) this.#failures = 0;
      this.#expect(this.#timing.silenceMs, () => this.#ended("lost", true));
    };
    this.#close = way(this.#base, began?.token, {
      heard: (message) => {
        heard();
        this.cursor = message.seq;
        const wasFirst = isFirst;
        isFirst = false;
        if (wasFirst) {
          this.#openedAt = Date.now();
          this.#to.state("open");
        }
        this.#to.message(message, wasFirst ? (began ?? message.seq) : undefined);
      },
      alive: heard,
      closed: (why) => this.#ended(why, !isFirst),
    });
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#isWaiting = false;
    this.#close?.();
    this.#close = undefined;
  }

  /** The network or the reader is back: do not wait for a timer that may have slept. */
  wake(): void {
    const isQuiet = Date.now() - this.#lastHeard > this.#timing.silenceMs / 2;
    if (this.#isWaiting || (this.#close && isQuiet)) this.open();
  }

  #ended(why: Why, hadYielded: boolean): void {
    this.close();
    if (why === "over") {
      this.#to.state("over");
      return;
    }
    this.#to.state("connecting");
    let wait = 0;
    if (why === "crowded") {
      wait = this.#timing.crowdedMs * (0.5 + Math.random());
    } else if (!hadYielded) {
      this.#way = (this.#way + 1) % this.#ways.length;
      // Detours are taken at once; a round of all ways counts as one failure.
      if (this.#way === 0) wait = this.#backOff();
    } else {
      const isYoung = Date.now() - this.#openedAt < YOUNG_MS;
      this.#young = isYoung ? Math.min(this.#young + 1, MOST_YOUNG) : 0;
      wait = Math.random() * this.#timing.retryMs * (1 + this.#young);
      // Long polls were the last resort of a bad moment, perhaps.
      if (this.#way === this.#ways.length - 1) this.#way = 0;
    }
    this.#isWaiting = true;
    this.#expect(wait, () => this.open());
  }

  #backOff(): number {
    this.#failures += 1;
    const most = Math.min(this.#timing.retryMaxMs, this.#timing.retryMs * 2 ** this.#failures);
    return most * (0.5 + Math.random() / 2);
  }

  #expect(ms: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, ms);
  }
}
