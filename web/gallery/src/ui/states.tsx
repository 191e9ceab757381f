import type { ReactNode } from "react";
import { Link } from "wouter";
import { explained } from "../api/refused";
import css from "./states.module.css";

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={css.state}>
      <h2>{title}</h2>
      <div>{children}</div>
    </div>
  );
}

/** A page's worth of something that did not arrive, and what to do about it. */
export function Failed({ error, again }: { error: unknown; again?: () => void }) {
  const refused = explained(error);
  const isGone = refused.status === 404;
  return (
    <div className={css.state} role="alert">
      <h2>{isGone ? "Not in the gallery" : "That did not work"}</h2>
      <p>
        {refused.message} {refused.hint}
      </p>
      <p className={css.ways}>
        {again && !isGone && (
          <button type="button" onClick={again}>
            Try again
          </button>
        )}
        <Link className="button" href="/?mode=trending">
          To the wall
        </Link>
      </p>
    </div>
  );
}

/** Frames where cards will be. `count` of them, so that nothing moves when they come. */
export function WaitingCards({
  count,
  className,
}: {
  count: number;
  className: string | undefined;
}) {
  return (
    <ul className={className} aria-hidden="true">
      {Array.from({ length: count }, (_, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
        <li key={at} className={css.waiting}>
          <span />
          <span />
        </li>
      ))}
    </ul>
  );
}

/** Why something beside the page's subject is missing. */
export function Refusal({ error }: { error: unknown }) {
  if (!error) return null;
  const { message, hint, fields } = explained(error);
  return (
    <div className={css.refusal} role="alert">
      {fields.length > 0 ? (
        <ul>
          {fields.map(({ field, message: why }) => (
            <li key={field + why}>
              {field}: {why}
            </li>
          ))}
        </ul>
      ) : (
        <p>
          {message} {hint}
        </p>
      )}
    </div>
  );
}
