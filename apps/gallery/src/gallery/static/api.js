// Calls to the JSON API: the session's token on writes, errors as sentences, and timing.

export const session = { user: null };

function cookie(name) {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

export class Refused extends Error {
  constructor(status, error) {
    const fields = (error.fields ?? []).map((each) => `${each.field}: ${each.message}`);
    super([error.message, ...fields, fields.length ? null : error.hint].filter(Boolean).join(" "));
    this.status = status;
    this.code = error.code;
  }
}

function duration(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(ms < 1 ? 2 : 1)} ms`;
}

// Server-Timing names its parts; `origin` is what computing the cached values once took.
function serverTiming(response, part) {
  const text = response.headers.get("Server-Timing") ?? "";
  const found = text.match(new RegExp(`(?:^|,)\\s*${part};[^,]*dur=([\\d.]+)`));
  return found ? Number(found[1]) : null;
}

function report(response, took) {
  const label = document.querySelector("#timing");
  const from = response.headers.get("X-Cache");
  if (!from) return;
  // Both figures are the server's own, so that the way to it does not blur the comparison.
  const origin = serverTiming(response, "origin");
  const here = serverTiming(response, "total") ?? took;
  const how = { HIT: "from cache", STALE: "from cache, being refreshed", MISS: "computed just now" }[from];
  const without = from !== "MISS" && origin !== null ? `; ${duration(origin)} without` : "";
  label.textContent = `${duration(here)}, ${how}${without}`;
  label.dataset.from = from;
  label.hidden = false;
}

// `timed` shows what this answer took; pages ask for it, small calls beside them do not.
export async function call(method, path, { body, timed = false, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = cookie("gallery_csrf");
  if (body !== undefined && !(body instanceof FormData)) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  const started = performance.now();
  let response;
  try {
    response = await fetch(path, { method, headers, body, signal, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, { code: "offline", message: "The server cannot be reached.", hint: "Is it running?" });
  }
  const text = await response.text();
  const took = performance.now() - started;
  const answer = text && response.headers.get("Content-Type")?.includes("json") ? JSON.parse(text) : null;
  if (!response.ok) {
    throw new Refused(response.status, answer?.error?.message ? answer.error
      : { code: "error", message: `The server answered ${response.status}.`, hint: "Try again shortly." });
  }
  if (timed) report(response, took);
  return answer;
}

export const get = (path, options) => call("GET", path, options);
