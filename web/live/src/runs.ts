// Which responses a piece of data was made of.
//
// A run is one call of a function that fetches: a query function, a page's `draw`. JavaScript
// in browsers has no context that follows an await, so a response is credited to
//
//   1. the run that is being called, for requests made before its first await;
//   2. else the run whose AbortSignal the request was given;
//   3. else every run under way: too many tags refetch once too often, too few never again.

import { merged, type Stamp } from "./stamp.ts";

export class Run {
  stamp: Stamp | undefined;
  /** What was heard before the run began is known to all that it reads. */
  readonly at: number;

  constructor(at: number) {
    this.at = at;
  }

  credit(stamp: Stamp): void {
    this.stamp = merged(this.stamp, stamp);
  }
}

export class Runs {
  #current: Run | undefined;
  readonly #underWay = new Set<Run>();
  readonly #bySignal = new WeakMap<AbortSignal, Run>();

  /** Call `task` as `run`; it is under way until what `task` returns has settled. */
  async of<T>(run: Run, task: () => T | Promise<T>): Promise<T> {
    const outer = this.#current;
    this.#underWay.add(run);
    try {
      this.#current = run;
      let called: T | Promise<T>;
      try {
        called = task();
      } finally {
        this.#current = outer;
      }
      return await called;
    } finally {
      this.#underWay.delete(run);
    }
  }

  claim(run: Run, signal: AbortSignal): void {
    this.#bySignal.set(signal, run);
  }

  /** The runs that a request made now, with this signal, belongs to. */
  now(signal?: AbortSignal | null): readonly Run[] {
    const one = this.#current ?? (signal ? this.#bySignal.get(signal) : undefined);
    return one ? [one] : [...this.#underWay];
  }
}
