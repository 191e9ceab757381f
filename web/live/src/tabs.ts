// One connection for all tabs of a browser: the tab that holds a lock leads, the others listen.
//
// The lock (Web Locks) is freed by the browser itself when its tab closes, crashes or is
// discarded, and the next in the queue has it at once. A leader that lives and says nothing
// (frozen, or stuck) is deposed by a visible follower: `steal` takes the lock from it, and it
// queues anew. Where a browser has no locks, each tab leads itself.

export interface Following {
  /** A note from another tab. */
  note(note: unknown): void;
  /** This tab leads from now on; `false`: it no longer does. */
  leads(isLeader: boolean): void;
  /** Whether a leader that says nothing is one too few: not where nothing is to be heard. */
  expects(): boolean;
}

export class Tabs {
  #channel: BroadcastChannel | undefined;
  #leaving = new AbortController();
  #release: (() => void) | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  readonly #name: string;
  readonly #to: Following;
  readonly #silenceMs: number;

  constructor(name: string, to: Following, silenceMs: number) {
    this.#name = name;
    this.#to = to;
    this.#silenceMs = silenceMs;
  }

  join(): void {
    this.#leaving = new AbortController();
    if (!globalThis.navigator?.locks || typeof BroadcastChannel === "undefined") {
      this.#to.leads(true);
      return;
    }
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => {
      this.#listen();
      this.#to.note(data);
    };
    this.#queue(false);
    this.#listen();
  }

  post(note: unknown): void {
    this.#channel?.postMessage(note);
  }

  leave(): void {
    clearTimeout(this.#silence);
    this.#leaving.abort();
    this.#release?.();
    this.#channel?.close();
    this.#channel = undefined;
  }

  #queue(steal: boolean): void {
    const { signal } = this.#leaving;
    // The interface has no room for a signal beside `steal`; a theft is granted at once.
    const how: LockOptions = steal ? { steal } : { signal };
    navigator.locks
      .request(this.#name, how, () => this.#lead(signal))
      // Stolen from us, or we left: only the first has something to do.
      .catch(() => {
        if (signal.aborted) return;
        this.#release = undefined;
        this.#to.leads(false);
        this.#queue(false);
        this.#listen();
      });
  }

  #lead(signal: AbortSignal): Promise<void> | undefined {
    if (signal.aborted) return;
    clearTimeout(this.#silence);
    const held = new Promise<void>((resolve) => {
      this.#release = resolve;
    });
    this.#to.leads(true);
    return held.finally(() => {
      this.#release = undefined;
    });
  }

  /** A follower that hears nothing for long, and is looked at, deposes the leader. */
  #listen(): void {
    clearTimeout(this.#silence);
    if (this.#release || this.#leaving.signal.aborted) return;
    this.#silence = setTimeout(() => {
      if (globalThis.document?.hidden || !this.#to.expects()) this.#listen();
      else if (!this.#release) this.#queue(true);
    }, this.#silenceMs);
  }
}
