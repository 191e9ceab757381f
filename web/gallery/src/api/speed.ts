// How fast the last answer was and where it came from, as the server itself tells it.

import { useEffect } from "react";

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

const MOST = 100;

/** The last reading of each address of the API; what is fetched ahead is told when it is shown. */
const readings = new Map<string, Reading>();
/** What the page on show is about. */
let asked: string | null = null;
const listeners = new Set<() => void>();

function changed(): void {
  for (const listener of listeners) listener();
}

export const speed = {
  tell(path: string, next: Reading | null): void {
    if (next === null) return;
    readings.delete(path);
    readings.set(path, next);
    const [oldest] = readings.keys();
    if (readings.size > MOST && oldest) readings.delete(oldest);
    changed();
  },
  /** From now on the page is about `path`; null if about nothing that is fetched. */
  about(path: string | null): void {
    asked = path;
    changed();
  },
  latest: (): Reading | null => (asked === null ? null : (readings.get(asked) ?? null)),
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

/** The page is about what the API has at `path`, for as long as it is on show. */
export function useSpeedOf(path: string): void {
  useEffect(() => {
    speed.about(path);
    return () => speed.about(null);
  }, [path]);
}
