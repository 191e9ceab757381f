// A live connection to one cache: what was invalidated, and whether what is held is stale.

import { Again } from "./again.ts";
import { ANY, Floors, type Snapshot } from "./floors.ts";
import type { Message } from "./messages.ts";
import { type Position, parsePosition } from "./position.ts";
import { Run, Runs } from "./runs.ts";
import { makeStamp, merged, POSITION, type Stamp, stampOf } from "./stamp.ts";
import { Stream, type StreamState, TIMING, type Timing } from "./stream.ts";
import { Tabs } from "./tabs.ts";
import { longPoll, serverSentEvents, type Transport, webSocket } from "./transports.ts";
import { type Watch, watch } from "./watch.ts";

export interface Options {
  /** What responses are fetched with; `globalThis.fetch` if left out. */
  readonly fetch?: typeof globalThis.fetch;
  /** Where a page that came with data was read: its `Keepwarm-Position`. */
  readonly position?: string;
  readonly transports?: readonly Transport[];
  readonly timing?: Partial<Timing>;
  /** One connection for all tabs of this origin; on if the browser can. */
  readonly shareBetweenTabs?: boolean;
}

/** What a run of fetches gave, and what it was made of. */
export interface Ran<T> {
  readonly value: T;
  /** Undefined if no response in it took part. */
  readonly stamp: Stamp | undefined;
}

/** An acknowledgement's token is worth something for a minute (the server says so). */
const TOKEN_LIFE_MS = 55_000;

/** Tab to tab. */
type Note =
  | { readonly kind: "hello" }
  | { readonly kind: "reconnect" }
  | { readonly kind: "known"; readonly known: Snapshot; readonly cursor: Position }
  | { readonly kind: "message"; readonly message: Message; readonly from: Position | undefined }
  | { readonly kind: "state"; readonly state: StreamState }
  | { readonly kind: "wrote"; readonly position: string; readonly tags: readonly string[] }
  | { readonly kind: "token"; readonly token: string };

export class Live {
  readonly #floors = new Floors();
  readonly #runs = new Runs();
  readonly #stream: Stream;
  readonly #tabs: Tabs;
  readonly #fetch: typeof globalThis.fetch;
  readonly #listeners = new Set<() => void>();
  readonly #stateListeners = new Set<(state: StreamState) => void>();
  readonly #failures = new WeakMap<object, Stamp>();
  /** Addresses that last answered below a floor: asked anew, past the browser's own cache. */
  readonly #suspects = new Set<string>();
  #state: StreamState = "connecting";
  #isLeader = false;
  /** From joining until the leader has said what it knows. */
  #isJoining = false;
  #token: { readonly text: string; readonly until: number } | undefined;

  /** `base` is where the server mounts its live channel: `/live`. */
  constructor(base: string, options: Options = {}) {
    const timing = { ...TIMING, ...options.timing };
    this.#fetch = options.fetch ?? ((...given) => globalThis.fetch(...given));
    const hearing = {
      message: (message: Message, from: Position | undefined) => {
        this.#tabs.post({ kind: "message", message, from } satisfies Note);
        this.#hear(message, from);
      },
      state: (state: StreamState) => {
        this.#tabs.post({ kind: "state", state } satisfies Note);
        this.#setState(state);
      },
    };
    const ways = options.transports ?? [webSocket, serverSentEvents, longPoll];
    this.#stream = new Stream(base, hearing, ways, timing);
    this.#stream.cursor = parsePosition(options.position);
    const following = {
      note: (note: unknown) => this.#noted(note as Note),
      leads: (isLeader: boolean) => this.#lead(isLeader),
      expects: () => this.#state !== "over",
    };
    const name = `keepwarm-live:${new URL(base, globalThis.location?.href).href}`;
    this.#tabs = new Tabs(name, following, timing.silenceMs + timing.firstMs);
    if (options.shareBetweenTabs === false) this.#lead(true);
    else this.#join();
    globalThis.document?.addEventListener("visibilitychange", this.#wake);
    globalThis.addEventListener?.("online", this.#wake);
    globalThis.addEventListener?.("pagehide", this.#leave);
    globalThis.addEventListener?.("pageshow", this.#return);
  }

  /** "over": the session has ended, or the server refuses; `reconnect()` after signing in. */
  get state(): StreamState {
    return this.#state;
  }

  /** Whether this tab holds the connection. */
  get isLeader(): boolean {
    return this.#isLeader;
  }

  /**
   * Fetch as ever. Notes what the response says of itself for the run it belongs to; sends
   * what is needed to read one's own writes; raises floors when the response is to a write.
   */
  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const at = this.#floors.tick;
    const request = new Request(input, init);
    const runs = this.#runs.now(init?.signal ?? (input instanceof Request ? input.signal : null));
    const isOurs = new URL(request.url).origin === globalThis.location?.origin;
    if (isOurs && this.#token && this.#token.until > Date.now()) {
      request.headers.set("Keepwarm-After", this.#token.text);
    }
    const isSuspect = this.#suspects.has(request.url);
    const again: RequestInit = isSuspect ? { cache: "no-cache" } : {};
    const response = await this.#fetch(request, again);
    const stamp = stampOf(response.headers, at);
    const token = response.headers.get("Keepwarm-Token");
    if (token) this.#keepToken(token, true);
    if (!stamp) return response;
    if (response.headers.get("Keepwarm-Invalidated")) {
      this.#wrote(response.headers.get(POSITION) ?? "", stamp.tags, true);
    } else {
      this.#suspect(request.url, this.#floors.isStaleOnArrival(stamp));
      for (const run of runs) run.credit(stamp);
    }
    return response;
  };

  /**
   * Call `task`, and say what the responses that it fetched with `fetch` depend on. Requests
   * made with a signal that it has claimed are its own; so are those before its first await.
   */
  async run<T>(task: (claim: (signal: AbortSignal) => void) => T | Promise<T>): Promise<Ran<T>> {
    const run = new Run(this.#floors.tick);
    const claim = (signal: AbortSignal): void => this.#runs.claim(run, signal);
    try {
      const value = await this.#runs.of(run, () => task(claim));
      return { value, stamp: run.stamp };
    } catch (error) {
      if (run.stamp && error instanceof Object) this.#failures.set(error, run.stamp);
      throw error;
    }
  }

  /** What an error that `run` threw depends on: "not found" ends when somebody creates it. */
  stampOf(error: unknown): Stamp | undefined {
    return error instanceof Object ? this.#failures.get(error) : undefined;
  }

  /** The stamp of data that came without `fetch`: in the page itself, from a store. */
  stamp(position: string, tags: string | readonly string[]): Stamp | undefined {
    const parsed = parsePosition(position);
    const { cursor } = this.#stream;
    // Nothing was heard yet: the stream had better begin where the oldest of it was read.
    if (!this.#floors.snapshot() && parsed && (!cursor || parsed.n < cursor.n)) {
      this.#stream.cursor = parsed;
    }
    return makeStamp(parsed, tags, 0);
  }

  /** Whether data held under `stamp` may be stale by now. */
  isStale(stamp: Stamp): boolean {
    return this.#floors.isStale(stamp);
  }

  /** The same for data that has just arrived; ask this once, when it does. */
  isStaleOnArrival(stamp: Stamp): boolean {
    return this.#floors.isStaleOnArrival(stamp);
  }

  /** Call `listener` whenever something held may have become stale: ask `isStale` of it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onState(listener: (state: StreamState) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  /** The stamp of what is made of both: as old as the older, dependent on all. */
  merged(a: Stamp | undefined, b: Stamp | undefined): Stamp | undefined {
    return merged(a, b);
  }

  /** When to fetch anew what is stale: at once, and less eagerly while it stays stale. */
  again(fetchAgain: () => void): Again {
    return new Again(fetchAgain);
  }

  /** Run `task` now, and again each time that what it fetched is stale and the page visible. */
  watch(task: (signal: AbortSignal) => unknown): Watch {
    return watch(this, task);
  }

  /** Connect anew, as somebody else perhaps: after signing in or out. */
  reconnect(): void {
    this.#setState("connecting");
    if (this.#isLeader) this.#stream.open();
    else this.#tabs.post({ kind: "reconnect" } satisfies Note);
  }

  close(): void {
    globalThis.document?.removeEventListener("visibilitychange", this.#wake);
    globalThis.removeEventListener?.("online", this.#wake);
    globalThis.removeEventListener?.("pagehide", this.#leave);
    globalThis.removeEventListener?.("pageshow", this.#return);
    this.#leave();
    this.#listeners.clear();
    this.#stateListeners.clear();
  }

  readonly #wake = (): void => {
    if (this.#isLeader && !globalThis.document?.hidden) this.#stream.wake();
  };

  // A page in the back/forward cache must hold no lock, or nobody hears anything.
  readonly #leave = (): void => {
    this.#isLeader = false;
    this.#stream.close();
    this.#tabs.leave();
  };

  readonly #return = (event: PageTransitionEvent): void => {
    if (event.persisted) this.#join();
  };

  #join(): void {
    this.#isJoining = true;
    this.#tabs.join();
    this.#tabs.post({ kind: "hello" } satisfies Note);
  }

  #lead(isLeader: boolean): void {
    this.#isLeader = isLeader;
    this.#isJoining = false;
    if (isLeader) this.#stream.open();
    else this.#stream.close();
  }

  #noted(note: Note): void {
    if (note.kind === "hello") {
      if (this.#isLeader) this.#introduce();
    } else if (note.kind === "reconnect") {
      if (this.#isLeader) this.#stream.open();
    } else if (note.kind === "known") {
      this.#isJoining = false;
      this.#stream.cursor = note.cursor;
      if (this.#floors.adopt(note.known)) this.#changed();
    } else if (note.kind === "message") {
      this.#follow(note.message, note.from);
    } else if (note.kind === "state") {
      this.#setState(note.state);
    } else if (note.kind === "wrote") {
      this.#wrote(note.position, note.tags, false);
    } else {
      this.#keepToken(note.token, false);
    }
  }

  #introduce(): void {
    const known = this.#floors.snapshot();
    const { cursor } = this.#stream;
    // Before the first message there is nothing to know: it will come to all.
    if (known && cursor) this.#tabs.post({ kind: "known", known, cursor } satisfies Note);
    this.#tabs.post({ kind: "state", state: this.#state } satisfies Note);
  }

  #follow(message: Message, from: Position | undefined): void {
    // A message from the middle of the stream does not say what was before it. Until the leader
    // has, it raises floors and closes no gap.
    if (this.#isJoining && !from && message.kind !== "reset") {
      const { incarnation } = message.seq;
      const isNews = message.kind === "tags" && this.#floors.raise(incarnation, message.tags);
      if (isNews) this.#changed();
      return;
    }
    this.#isJoining = false;
    this.#stream.cursor = message.seq;
    this.#hear(message, from);
  }

  #hear(message: Message, from: Position | undefined): void {
    if (this.#floors.hear(message, from)) this.#changed();
  }

  #wrote(position: string, tags: readonly string[], isOurs: boolean): void {
    const parsed = parsePosition(position);
    if (!parsed) return;
    const isNews = tags.includes(ANY)
      ? this.#floors.hear({ kind: "reset", seq: parsed })
      : this.#floors.raise(
          parsed.incarnation,
          tags.map((tag) => [tag, parsed.n] as const),
        );
    if (isNews) this.#changed();
    if (isOurs) this.#tabs.post({ kind: "wrote", position, tags } satisfies Note);
  }

  #keepToken(text: string, isOurs: boolean): void {
    this.#token = { text, until: Date.now() + TOKEN_LIFE_MS };
    if (isOurs) this.#tabs.post({ kind: "token", token: text } satisfies Note);
  }

  #suspect(url: string, isStale: boolean): void {
    if (!isStale) this.#suspects.delete(url);
    else if (this.#suspects.size < 256) this.#suspects.add(url);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #setState(state: StreamState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of [...this.#stateListeners]) listener(state);
  }
}
