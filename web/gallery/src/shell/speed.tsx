import { useSyncExternalStore } from "react";
import { duration, type Reading, speed, where } from "../api/speed";
import css from "./speed.module.css";

/** "How fast was this": which tier answered, how old it is, and what the origin would take. */
export function Speed() {
  const reading = useSyncExternalStore(speed.subscribe, speed.latest, nothingYet);
  if (reading === null) return null;
  return (
    <details className={css.speed} data-source={reading.source}>
      <summary>
        <span className={css.lead}>This page took </span>
        {summary(reading)}
      </summary>
      <div className={css.more}>
        <p>
          keepwarm keeps what was computed once, and ends it the moment that somebody changes what
          it was computed from.
        </p>
        <dl>
          <dt>Answered from</dt>
          <dd>{where(reading.source)}</dd>
          <dt>In</dt>
          <dd>{duration(reading.took)} on the server</dd>
          {reading.age !== null && (
            <>
              <dt>Made</dt>
              <dd>{reading.age < 2 ? "just now" : `${reading.age} s ago`}</dd>
            </>
          )}
          {reading.origin !== null && reading.source !== "origin" && (
            <>
              <dt>The database takes</dt>
              <dd>{duration(reading.origin)}</dd>
            </>
          )}
        </dl>
      </div>
    </details>
  );
}

const nothingYet = () => null;

export function summary({ source, took, origin }: Reading): string {
  const here = duration(took);
  if (source === "origin") return `${here}, from the database`;
  const how = source === "stale" ? "from cache, being renewed" : "from cache";
  // Below twice as fast, nobody is impressed, and jitter could make it untrue.
  const isWorthTelling = origin !== null && origin > took * 2;
  return isWorthTelling ? `${here} ${how}, ${duration(origin)} without` : `${here} ${how}`;
}
