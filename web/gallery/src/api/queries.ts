// Every read of the page, declared once: its key, its address, and how long it counts as fresh.

import { QueryClient, queryOptions } from "@tanstack/react-query";
import { type Call, call } from "./client";
import { type ListParams, listPath } from "./params";
import { Refused } from "./refused";
import type {
  Cards,
  Character,
  Facets,
  Featured,
  Images,
  Job,
  Me,
  Page,
  Preferences,
  Result,
  Words,
} from "./types";

/** The specification's ten minutes. Invalidations that are pushed end it sooner. */
export const STALE_AFTER_MS = 10 * 60_000;

const read = <T>(path: string, signal: AbortSignal, more: Call = {}): Promise<T> =>
  call<T>(path, { signal, ...more });

// Where the API has what a page is about; its figures are found by it, too (speed.ts).
export const FEATURED = "/api/featured";
export const characterPath = (id: number): string => `/api/characters/${id}`;
export const imagesPath = (username: string): string =>
  `/api/users/${encodeURIComponent(username)}/images`;

export const queries = {
  list: (params: ListParams) =>
    queryOptions({
      queryKey: ["characters", "list", params],
      queryFn: ({ signal }) => read<Page>(listPath(params), signal, { isTold: true }),
    }),
  character: (id: number) =>
    queryOptions({
      queryKey: ["characters", "one", id],
      queryFn: ({ signal }) => read<Character>(characterPath(id), signal, { isTold: true }),
    }),
  similar: (id: number) =>
    queryOptions({
      queryKey: ["characters", "similar", id],
      queryFn: ({ signal }) => read<Cards>(`/api/characters/${id}/similar`, signal),
    }),
  imagesOf: (id: number) =>
    queryOptions({
      queryKey: ["images", "of", id],
      queryFn: ({ signal }) => read<Images>(`/api/characters/${id}/images`, signal),
    }),
  imagesBy: (username: string) =>
    queryOptions({
      queryKey: ["images", "by", username],
      queryFn: ({ signal }) => read<Images>(imagesPath(username), signal, { isTold: true }),
    }),
  featured: () =>
    queryOptions({
      queryKey: ["characters", "featured"],
      queryFn: ({ signal }) => read<Featured>(FEATURED, signal, { isTold: true }),
    }),
  facets: () =>
    queryOptions({
      queryKey: ["facets"],
      queryFn: ({ signal }) => read<Facets>("/api/facets", signal),
    }),
  words: () =>
    queryOptions({
      queryKey: ["words"],
      meta: { live: false }, // they change with the program only
      queryFn: ({ signal }) => read<Words>("/api/words", signal),
    }),
  me: () =>
    queryOptions({
      queryKey: ["me"],
      meta: { live: false }, // rights are never cached, so nothing tells of them
      queryFn: ({ signal }) => read<Me>("/api/auth/me", signal),
    }),
  preferences: () =>
    queryOptions({
      queryKey: ["preferences"],
      queryFn: ({ signal }) => read<Preferences>("/api/preferences", signal),
    }),
  job: (id: string) =>
    queryOptions({
      queryKey: ["jobs", id],
      queryFn: ({ signal }) => read<Job>(`/api/generations/${id}`, signal),
    }),
  result: (id: string) =>
    queryOptions({
      queryKey: ["jobs", id, "result"],
      queryFn: ({ signal }) => read<Result>(`/api/generations/${id}/result`, signal),
    }),
};

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: STALE_AFTER_MS,
        gcTime: 3 * STALE_AFTER_MS,
        // What is refused for a reason is refused again; what was busy may not be.
        retry: (failures, error) => failures < 2 && error instanceof Refused && error.isPassing,
        retryDelay: (failures) => 400 * 2 ** failures,
      },
    },
  });
}
