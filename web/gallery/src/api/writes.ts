// Every write of the page, and what it makes of what is already shown.
//
// The server's answer is put in at once (one reads one's own writes); everything that may
// depend on it besides is marked, and fetched again where it is on show.

import {
  type QueryClient,
  type QueryKey,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { call } from "./client";
import { reconnect } from "./live";
import { queries } from "./queries";
import type {
  Card,
  Cards,
  Character,
  CharacterInput,
  Image,
  Job,
  Likes,
  Me,
  Preferences,
} from "./types";

const marked = (client: QueryClient, ...key: unknown[]) =>
  client.invalidateQueries({ queryKey: key });

/** Put in what a write was answered by: no answer that was on its way before may undo it. */
export async function known(
  client: QueryClient,
  queryKey: QueryKey,
  put: () => void,
): Promise<void> {
  const wasAsked = client.isFetching({ queryKey, exact: true }) > 0;
  await client.cancelQueries({ queryKey, exact: true });
  put();
  if (wasAsked) void client.invalidateQueries({ queryKey, exact: true });
}

/** While it is on its way, whoever shows the character shows it `withLike`. */
export function useLike(id: number) {
  const client = useQueryClient();
  const { queryKey } = queries.character(id);
  return useMutation({
    mutationFn: (liked: boolean) =>
      call<Likes>(`/api/characters/${id}/like`, { method: liked ? "POST" : "DELETE" }),
    onSuccess: async (told) => {
      await known(client, queryKey, () =>
        client.setQueryData(queryKey, (found) => found && { ...found, ...told }),
      );
      inLists(client, (cards) =>
        cards.map((card) => (card.id === id ? { ...card, like_count: told.like_count } : card)),
      );
    },
  });
}

/** `found` as it looks to somebody who likes it, or no longer does. */
export function withLike(found: Character, liked: boolean): Character {
  if (found.liked === liked) return found;
  return { ...found, liked, like_count: Math.max(0, found.like_count + (liked ? 1 : -1)) };
}

export function useCreate() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (input: CharacterInput) =>
      call<Character>("/api/characters", { method: "POST", body: input }),
    onSuccess: (made) => {
      client.setQueryData(queries.character(made.id).queryKey, made);
      return charactersChanged(client, made.id);
    },
  });
}

/** Cards in every list that is held, on show or not: no page may show what one just ended. */
function inLists(client: QueryClient, change: (cards: Card[]) => Card[]): void {
  client.setQueriesData<Cards>(
    { queryKey: ["characters"], predicate: ({ state }) => isList(state.data) },
    (list) => list && { ...list, items: change(list.items) },
  );
}

const isList = (data: unknown): boolean => Array.isArray((data as Cards | undefined)?.items);

/** `card` as it looks after its character became `made`. */
export function asCard(card: Card, made: Character): Card {
  const { name, picture, tones, tags } = made;
  return card.id === made.id ? { ...card, name, picture, tones, tags } : card;
}

export function useEdit(id: number) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (input: CharacterInput & { version: number }) =>
      call<Character>(`/api/characters/${id}`, { method: "PATCH", body: input }),
    onSuccess: async (made) => {
      const { queryKey } = queries.character(id);
      await known(client, queryKey, () => client.setQueryData(queryKey, made));
      inLists(client, (cards) => cards.map((card) => asCard(card, made)));
      return charactersChanged(client, id);
    },
  });
}

export function useRemove(id: number) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => call<null>(`/api/characters/${id}`, { method: "DELETE" }),
    onSuccess: () => {
      inLists(client, (cards) => cards.filter((card) => card.id !== id));
      return charactersChanged(client, id);
    },
  });
}

/** Everything about characters is marked, except the one whose newest state we were given. */
async function charactersChanged(client: QueryClient, id: number): Promise<void> {
  const own = queries.character(id).queryKey;
  await client.invalidateQueries({
    predicate: ({ queryKey: [kind, what, which] }) =>
      (kind === "characters" && !(what === own[1] && which === own[2])) ||
      kind === "facets" ||
      kind === "images",
    refetchType: "none",
  });
  // Not awaited: what is on show is renewed while we go on.
  void client.refetchQueries({ type: "active", stale: true });
}

export function useUpload(username: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ file, characterId }: { file: File; characterId?: number }) => {
      const body = new FormData();
      body.set("file", file);
      const path =
        characterId === undefined
          ? `/api/users/${encodeURIComponent(username)}/images`
          : `/api/characters/${characterId}/images`;
      return call<Image>(path, { method: "POST", body });
    },
    onSuccess: () => marked(client, "images"),
  });
}

export function useRemoveImage() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (image: Image) =>
      call<null>(`/api/users/${encodeURIComponent(image.owner)}/images/${image.id}`, {
        method: "DELETE",
      }),
    onSuccess: () => marked(client, "images"),
  });
}

export function useAskForPainting() {
  return useMutation({
    mutationFn: (wish: { prompt: string; seed: number }) =>
      call<Job>("/api/generations", { method: "POST", body: wish }),
  });
}

export function usePreferencesChange() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (wanted: Preferences) =>
      call<Preferences>("/api/preferences", { method: "PUT", body: wanted }),
    onSuccess: async (kept) => {
      const { queryKey } = queries.preferences();
      await known(client, queryKey, () => client.setQueryData(queryKey, kept));
      return marked(client, "characters");
    },
  });
}

export function useSignIn(path: "/api/auth/login" | "/api/auth/register") {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (given: { username: string; password: string }) =>
      call<Me>(path, { method: "POST", body: given }),
    onSuccess: (me) => becomes(client, me),
  });
}

export function useSignOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => call<null>("/api/auth/logout", { method: "POST" }),
    onSuccess: () => becomes(client, { user: null }),
  });
}

/** Another reader from now on: nothing that was fetched for the one before may be shown. */
function becomes(client: QueryClient, me: Me): void {
  const isMembers = ([kind]: readonly unknown[]) => kind === "preferences" || kind === "jobs";
  const isAnybodys = ([kind, what]: readonly unknown[]) =>
    kind === "facets" ||
    kind === "words" ||
    kind === "images" ||
    (kind === "characters" && what === "similar");
  client.removeQueries({ predicate: ({ queryKey }) => !isAnybodys(queryKey), type: "inactive" });
  client.setQueryData(queries.me().queryKey, { user: me.user });
  reconnect();
  // On show or not: strangers must not even ask for these.
  client.removeQueries({ predicate: ({ queryKey }) => isMembers(queryKey) });
  void client.resetQueries({
    predicate: ({ queryKey }) => queryKey[0] !== "me" && !isAnybodys(queryKey),
  });
}
