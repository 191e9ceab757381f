// Calls to the JSON API: the session's token on writes, refusals as sentences, and timing.

import { Refused } from "./refused";
import { reading, speed, timings } from "./speed";

export interface Call {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: unknown;
  signal?: AbortSignal;
  /** Whether "how fast was this" shows it: what a page is about, not what is beside it. */
  isTold?: boolean;
}

let fetching: typeof fetch = (...given) => fetch(...given);

/** From now on requests are made with `given`, which looks at what responses say. */
export function fetchWith(given: typeof fetch): void {
  fetching = given;
}

function cookie(name: string): string {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

/** Whether this browser holds a session, as far as a script may see. */
export const mayBeSignedIn = (): boolean => cookie("gallery_csrf") !== "";

/** The JSON of a successful answer. Throws Refused, or an AbortError. */
export async function call<T>(
  path: string,
  { method = "GET", body, signal, isTold = false }: Call = {},
): Promise<T> {
  const headers = new Headers({ Accept: "application/json" });
  if (method !== "GET") headers.set("X-CSRF-Token", cookie("gallery_csrf"));
  const isForm = body instanceof FormData;
  if (body !== undefined && !isForm) headers.set("Content-Type", "application/json");

  let response: Response;
  let text: string;
  try {
    response = await fetching(path, {
      method,
      headers,
      body: isForm ? body : body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
      credentials: "same-origin",
    });
    text = await response.text();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw Refused.offline();
  }
  const answer = parsed(response, text);
  if (!response.ok) throw Refused.from(response.status, answer);
  if (isTold) {
    const { headers: told } = response;
    speed.tell(
      path,
      reading(timings(told.get("Server-Timing") ?? ""), told.get("X-Cache"), told.get("Age")),
    );
  }
  return answer as T;
}

function parsed(response: Response, text: string): unknown {
  if (!text || !response.headers.get("Content-Type")?.includes("json")) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's error page that calls itself JSON
  }
}
