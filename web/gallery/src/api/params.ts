// Which list an address of the wall asks for, and back. The address is the only state.

import { MODES, type Mode } from "./types";

export const PAGE_SIZE = 24;
export const NARROWING = ["species", "tag", "creator", "q"] as const;

export interface ListParams {
  mode: Mode;
  page: number;
  species?: string;
  tag?: string;
  creator?: string;
  q?: string;
}

const isMode = (word: string | null): word is Mode => MODES.includes(word as Mode);

/** What the wall's `search` asks for; what cannot be is left out. */
export function paramsOf(search: string, home: Mode = "trending"): ListParams {
  const query = new URLSearchParams(search);
  const mode = query.get("mode");
  const page = Number(query.get("page") ?? 0);
  const params: ListParams = {
    mode: isMode(mode) ? mode : home,
    page: Number.isInteger(page) && page > 0 && page <= 10_000 ? page : 0,
  };
  for (const name of NARROWING) {
    const value = query.get(name)?.trim();
    if (value) params[name] = value;
  }
  return params;
}

/** The wall's address with `changes` applied; null takes a part away. */
export function wallAddress(
  search: string,
  changes: Partial<Record<keyof ListParams, string | number | null>>,
): string {
  const query = new URLSearchParams(search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "" || (name === "page" && value === 0)) query.delete(name);
    else query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `/?${text}` : "/";
}

/** Where the API has that page. */
export function listPath(params: ListParams): string {
  const query = new URLSearchParams({ mode: params.mode, page_size: String(PAGE_SIZE) });
  if (params.page) query.set("page", String(params.page));
  for (const name of NARROWING) {
    const value = params[name];
    if (value) query.set(name, value);
  }
  return `/api/characters?${query}`;
}
