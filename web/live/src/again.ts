// When what is stale is fetched anew: at once, and less and less eagerly while it stays stale.

/** A server that goes on answering below the floor is asked this often, and then left alone. */
const DELAYS_MS = [0, 50, 200, 800, 2_000, 5_000] as const;

export class Again {
  #tries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isMarked = false;
  readonly #fetchAgain: () => void;

  constructor(fetchAgain: () => void) {
    this.#fetchAgain = fetchAgain;
  }

  /** It is stale. While nobody looks that is only noted. */
  stale(): void {
    if (globalThis.document?.hidden) {
      this.#isMarked = true;
      return;
    }
    const delay = DELAYS_MS[this.#tries];
    if (this.#timer !== undefined || delay === undefined) return;
    this.#tries += 1;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#fetchAgain();
    }, delay);
  }

  /** What arrived is not stale. */
  fresh(): void {
    this.stop();
    this.#tries = 0;
  }

  /** Something new was heard: patience begins anew. */
  renew(): void {
    this.#tries = Math.min(this.#tries, 1);
  }

  /** Somebody looks. */
  seen(): void {
    if (!this.#isMarked) return;
    this.#isMarked = false;
    this.stale();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isMarked = false;
  }
}
