// What the stream says, from text to values. Anything else is no message: a newer server may
// send kinds that this client does not know.

import { type Position, parsePosition } from "./position.ts";

export type Message =
  | { readonly kind: "tags"; readonly seq: Position; readonly tags: readonly Ended[] }
  | { readonly kind: "reset"; readonly seq: Position }
  | { readonly kind: "beat"; readonly seq: Position };

/** A tag, and the position at which what carries it ended. */
export type Ended = readonly [tag: string, n: number];

export function parseMessage(value: unknown): Message | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const said = value as Record<string, unknown>;
  const seq = typeof said.seq === "string" ? parsePosition(said.seq) : undefined;
  if (!seq) return undefined;
  if (said.reset === true) return { kind: "reset", seq };
  if (Array.isArray(said.tags)) {
    const at = Array.isArray(said.at) ? said.at : [];
    // Without a position of its own a tag ended somewhere up to `seq`: at its end, to be sure.
    const own = (i: number) => (Number.isSafeInteger(at[i]) ? (at[i] as number) : seq.n);
    return { kind: "tags", seq, tags: said.tags.map((tag, i) => [String(tag), own(i)]) };
  }
  return said.beat === true ? { kind: "beat", seq } : undefined;
}

export function parseText(text: unknown): Message | undefined {
  try {
    return typeof text === "string" ? parseMessage(JSON.parse(text)) : undefined;
  } catch {
    return undefined;
  }
}
