// Three ways to hear the stream, alike to whoever listens: open, and be told.

import { type Message, parseMessage, parseText } from "./messages.ts";

/** Why a connection ended. `over` means that trying again is useless until somebody signs in. */
export type Why = "lost" | "over" | "crowded";

export interface Listener {
  heard(message: Message): void;
  /** Something arrived that was no message; the connection lives. */
  alive(): void;
  closed(why: Why): void;
}

/** Opens a connection; what it returns closes it, after which the listener hears no more. */
export type Transport = (base: string, cursor: string | undefined, to: Listener) => () => void;

const WHY: Record<number, Why> = {
  ...{ 4401: "over", 4403: "over", 4429: "crowded" },
  ...{ 401: "over", 403: "over", 429: "crowded", 503: "crowded" },
};

export const whyOf = (code: number): Why => WHY[code] ?? "lost";

function address(base: string, way: string, cursor: string | undefined): URL {
  const url = new URL(`${base.replace(/\/$/, "")}/${way}`, globalThis.location?.href);
  if (cursor) url.searchParams.set("after", cursor);
  return url;
}

export const webSocket: Transport = (base, cursor, to) => {
  const url = address(base, "ws", cursor);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  let isOver = false;
  socket.onmessage = ({ data }) => {
    const message = parseText(data);
    if (isOver) return;
    if (message) to.heard(message);
    else to.alive();
  };
  socket.onclose = ({ code }) => {
    if (!isOver) to.closed(whyOf(code));
    isOver = true;
  };
  return () => {
    isOver = true;
    // Closing one that is not open yet is written to the console as an error.
    if (socket.readyState === 0) socket.onopen = () => socket.close();
    else socket.close();
  };
};

export const serverSentEvents: Transport = (base, cursor, to) => {
  const source = new EventSource(address(base, "events", cursor));
  let isOver = false;
  const close = (): void => {
    isOver = true;
    source.close();
  };
  // EventSource reconnects by itself and for ever; when to do so is decided in one place, for
  // all ways, so an error ends it.
  const end = (why: Why): void => {
    if (isOver) return;
    close();
    to.closed(why);
  };
  source.onmessage = ({ data }) => {
    const message = parseText(data);
    if (isOver) return;
    if (message) to.heard(message);
    else to.alive();
  };
  source.addEventListener("end", ({ data }) => {
    let code: unknown;
    try {
      ({ code } = JSON.parse(data));
    } catch {
      // Of no code that we know: it goes on from the cursor.
    }
    end(whyOf(code as number));
  });
  source.onerror = () => end("lost");
  return close;
};

export const longPoll: Transport = (base, cursor, to) => {
  const leaving = new AbortController();
  const { signal } = leaving;
  const poll = async (): Promise<Why> => {
    let after = cursor;
    for (;;) {
      const response = await fetch(address(base, "poll", after), { signal, cache: "no-store" });
      if (!response.ok) return whyOf(response.status);
      const { messages } = (await response.json()) as { messages?: unknown };
      if (signal.aborted) return "lost";
      if (!Array.isArray(messages)) return "lost";
      if (messages.length === 0) to.alive();
      for (const message of messages.map(parseMessage)) {
        if (!message) continue;
        after = message.seq.token;
        to.heard(message);
      }
      // Without a cursor the next question would begin anew, at a later position.
      if (!after) return "lost";
    }
  };
  poll()
    .catch((): Why => "lost")
    .then((why) => {
      if (!signal.aborted) to.closed(why);
    });
  return () => leaving.abort();
};
