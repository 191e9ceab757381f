// What a write has done, said once: to be seen for a while, and heard at once.

import { useSyncExternalStore } from "react";
import css from "./said.module.css";

const SHOWN_MS = 4000;

let words = "";
let over: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();

function become(what: string): void {
  words = what;
  for (const each of listeners) each();
}

/** Tell the reader what has been done, as in "Saved Ada.". The newest takes the place of others. */
export function say(what: string): void {
  clearTimeout(over);
  over = setTimeout(() => become(""), SHOWN_MS);
  become(what);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function Said() {
  const said = useSyncExternalStore(
    subscribe,
    () => words,
    () => "",
  );
  return (
    <p className={css.said} role="status">
      {said}
    </p>
  );
}
