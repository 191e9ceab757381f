// How fast the last answer was and where it came from, as the server itself tells it.

export type Source = "response" | "memory" | "store" | "origin" | "stale";

export interface Reading {
  source: Source;
  /** What the server took, in ms. */
  took: number;
  /** What computing it took when it was computed, in ms; null where nobody knows. */
  origin: number | null;
  /** How old the answer is, in s; null where it does not say. */
  age: number | null;
}

export interface Timing {
  name: string;
  duration: number;
  description: string;
}

const PART = /\s*([\w-]+)((?:\s*;\s*[\w-]+=(?:"[^"]*"|[^;,]*))*)\s*(?:,|$)/gy;

/** The parts of a Server-Timing field. */
export function timings(field: string): Timing[] {
  return [...field.matchAll(PART)].map(([, name = "", rest = ""]) => ({
    name,
    duration: Number(/dur=([\d.]+)/.exec(rest)?.[1] ?? 0),
    description: /desc="?([^";]*)/.exec(rest)?.[1] ?? "",
  }));
}

/** What the server's fields say of one answer; null if no cache took part. */
export function reading(
  parts: readonly Timing[],
  xCache: string | null,
  age: string | null,
): Reading | null {
  const total = parts.find((part) => part.name === "total");
  const cache = parts.find((part) => part.name === "cache");
  const origin = parts.find((part) => part.name === "origin");
  if (!total || !cache) return null;
  return {
    source: source(cache.description, xCache),
    took: total.duration,
    origin: origin ? origin.duration : null,
    age: age === null ? null : Number(age),
  };
}

function source(description: string, xCache: string | null): Source {
  const words = description.toLowerCase();
  if (xCache === "STALE" || words.includes("stale")) return "stale";
  if (words.includes("response")) return "response";
  if (words.includes("near")) return "memory";
  if (words.includes("shared")) return "store";
  return xCache === "HIT" || words.includes("hit") ? "memory" : "origin";
}

/** A time in the unit that people would use. */
export function duration(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(ms < 1 ? 2 : 1)} ms`;
}

const WHERE: Record<Source, string> = {
  response: "a stored response",
  memory: "this process's memory",
  store: "the shared store",
  origin: "the database",
  stale: "a copy that is being renewed",
};

export const where = (source: Source): string => WHERE[source];

let latest: Reading | null = null;
const listeners = new Set<() => void>();

export const speed = {
  tell(next: Reading | null): void {
    if (next === null) return;
    latest = next;
    for (const listener of listeners) listener();
  },
  latest: (): Reading | null => latest,
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
