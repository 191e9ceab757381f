// What a response says of itself: where it was read, and what it depends on.

import { type Position, parsePosition } from "./position.ts";

/**
 * `at` is this tab's own count when the request began (`Floors.tick`): what was heard before
 * that, the server knew when it read.
 */
export interface Stamp {
  readonly incarnation: string;
  readonly n: number;
  readonly tags: readonly string[];
  readonly at: number;
}

export const POSITION = "Keepwarm-Position";
export const TAGS = "Keepwarm-Tags";

/** What the headers say, or undefined where the response takes no part. */
export function stampOf(headers: Headers, at: number): Stamp | undefined {
  return makeStamp(parsePosition(headers.get(POSITION)), headers.get(TAGS), at);
}

export function makeStamp(
  position: Position | undefined,
  tags: string | readonly string[] | null,
  at: number,
): Stamp | undefined {
  if (!position) return undefined;
  const list = typeof tags === "string" ? tags.split(/\s+/).filter(Boolean) : (tags ?? []);
  return { incarnation: position.incarnation, n: position.n, tags: list, at };
}

/** The stamp of what is made of both: as old as the older, dependent on all. */
export function merged(a: Stamp | undefined, b: Stamp | undefined): Stamp | undefined {
  if (!a || !b) return a ?? b;
  return {
    // Of two incarnations: comparable with neither, so judged by when they were asked for.
    incarnation: a.incarnation === b.incarnation ? a.incarnation : "",
    n: Math.min(a.n, b.n),
    tags: [...new Set([...a.tags, ...b.tags])],
    at: Math.min(a.at, b.at),
  };
}
