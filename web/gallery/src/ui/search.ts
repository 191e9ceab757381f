import { useRouter } from "wouter";
import { useSearch as useWritten } from "wouter/use-browser-location";

/**
 * The address's query as it is written, without its question mark. Wouter's own decodes it,
 * and whoever decodes it once more finds another word in `%2541`.
 */
export function useSearch(): string {
  const { ssrSearch } = useRouter();
  return useWritten(ssrSearch === undefined ? {} : { ssrSearch }).replace(/^\?/, "");
}

/** State of a history's entry: the one before it is where one wants to go on to. */
export const CAME_FROM_THERE = "came from there";
