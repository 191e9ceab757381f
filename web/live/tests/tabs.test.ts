import { afterEach, expect, test, vi } from "vitest";
import { Live } from "../src/live.ts";
import { type Message, parseMessage } from "../src/messages.ts";
import { TIMING } from "../src/stream.ts";
import type { Listener } from "../src/transports.ts";

// Node has real locks and channels; each Live here is a tab of its own.

const opened: Live[] = [];
afterEach(() => {
  for (const live of opened.splice(0)) live.close();
  vi.useRealTimers();
});

/** Messages between tabs and locks take turns of the event loop, more of them on a busy machine. */
const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000 });

let sites = 0;

function browser() {
  sites += 1;
  const base = `http://site${sites}/live`;
  const connections: { to: Listener; cursor: string | undefined; isClosed: boolean }[] = [];
  const tab = (): Live => {
    const live = new Live(base, {
      transports: [
        (_base, cursor, to) => {
          const connection = { to, cursor, isClosed: false };
          connections.push(connection);
          return () => {
            connection.isClosed = true;
          };
        },
      ],
    });
    opened.push(live);
    return live;
  };
  const open = () => connections.filter(({ isClosed }) => !isClosed);
  const say = (value: unknown): void => open().at(-1)?.to.heard(said(value));
  return { base, connections, tab, open, say };
}

function said(value: unknown): Message {
  const message = parseMessage(value);
  if (!message) throw new Error("no message");
  return message;
}

test("one connects, all hear, and the next takes over where it left", async () => {
  const { tab, open, say, connections } = browser();
  const tabs = [tab(), tab(), tab()];
  await eventually(() => expect(open()).toHaveLength(1));
  say({ seq: "i.10.m", beat: true });
  await eventually(() => expect(tabs.map(({ state }) => state)).toEqual(["open", "open", "open"]));
  const changed = tabs.map((each) => {
    const listener = vi.fn();
    each.onChange(listener);
    return listener;
  });
  say({ seq: "i.11.m", tags: ["x"] });
  await eventually(() => {
    for (const listener of changed) expect(listener).toHaveBeenCalledTimes(1);
  });
  tabs.find(({ isLeader }) => isLeader)?.close();
  await eventually(() => expect(connections).toHaveLength(2));
  expect(open().map(({ cursor }) => cursor)).toEqual(["i.11.m"]);
});

test("a tab that joins later learns what was heard before", async () => {
  const { tab, open, say } = browser();
  tab();
  await eventually(() => expect(open()).toHaveLength(1));
  say({ seq: "i.10.m", beat: true });
  say({ seq: "i.12.m", tags: ["x"] });
  const late = tab();
  const [ended, kept] = [late.stamp("i.11.m", "x"), late.stamp("i.11.m", "y")];
  await eventually(() => expect(ended && late.isStale(ended)).toBe(true));
  expect(kept && late.isStale(kept)).toBe(false);
});

test("the stream begins where the oldest of what a page brought was read", async () => {
  const { tab, open } = browser();
  const page = tab();
  for (const position of ["i.12.m", "i.9.m", "i.11.m"]) page.stamp(position, "x");
  await eventually(() => expect(open().map(({ cursor }) => cursor)).toEqual(["i.9.m"]));
});

test("a message that comes before the leader has answered closes no gap", async () => {
  const { base, tab } = browser();
  const leader = new BroadcastChannel(`keepwarm-live:${base}`);
  await navigator.locks.request(`keepwarm-live:${base}`, async () => {
    const late = tab();
    const missed = late.stamp("i.11.m", "x");
    const seq = (n: number) => ({ incarnation: "i", n, token: `i.${n}.m` });
    leader.postMessage({
      kind: "message",
      message: { kind: "tags", seq: seq(13), tags: [["y", 13]] },
    });
    const known = { incarnation: "i", since: 9, upTo: 13, floors: [["x", 12]] };
    leader.postMessage({ kind: "known", known, cursor: seq(13) });
    await eventually(() => expect(missed && late.isStale(missed)).toBe(true));
    const kept = late.stamp("i.11.m", "z");
    expect(kept && late.isStale(kept)).toBe(false);
  });
  leader.close();
});

test("a leader that says nothing is deposed", async () => {
  vi.useFakeTimers();
  const { base, tab, open } = browser();
  const { promise: stuck, resolve } = Promise.withResolvers<void>();
  const theirs = navigator.locks.request(`keepwarm-live:${base}`, () => stuck);
  const theirEnd = expect(theirs).rejects.toThrow();
  const follower = tab();
  await vi.advanceTimersByTimeAsync(TIMING.silenceMs);
  expect(open()).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(TIMING.firstMs);
  await eventually(() => expect(follower.isLeader).toBe(true));
  expect(open()).toHaveLength(1);
  resolve();
  await theirEnd;
});

test("nobody is deposed for being silent after the session has ended", async () => {
  vi.useFakeTimers();
  const { tab, open, connections } = browser();
  const leader = tab();
  await eventually(() => expect(open()).toHaveLength(1));
  const follower = tab();
  open()[0]?.to.closed("over");
  await eventually(() => expect(follower.state).toBe("over"));
  await vi.advanceTimersByTimeAsync(600_000);
  expect([leader.isLeader, follower.isLeader]).toEqual([true, false]);
  expect(connections).toHaveLength(1);
  follower.reconnect();
  await eventually(() => expect(open()).toHaveLength(1));
});

test("a deposed leader lets its connection go, and leads again in its turn", async () => {
  const { base, tab, open } = browser();
  const deposed = tab();
  await eventually(() => expect(deposed.isLeader).toBe(true));
  let leave = (): void => {};
  const held = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const theft = navigator.locks.request(`keepwarm-live:${base}`, { steal: true }, () => held);
  await eventually(() => expect(deposed.isLeader).toBe(false));
  expect(open()).toHaveLength(0);
  leave();
  await theft;
  await eventually(() => expect(deposed.isLeader).toBe(true));
});

test("a tab's own write reaches the others before the server does", async () => {
  const { tab, open, say } = browser();
  const [writer, other] = [tab(), tab()];
  await eventually(() => expect(open()).toHaveLength(1));
  say({ seq: "i.10.m", beat: true });
  const stamp = other.stamp("i.10.m", "x");
  vi.stubGlobal("fetch", async () => {
    const headers = {
      "Keepwarm-Position": "i.11.m",
      "Keepwarm-Tags": "x",
      "Keepwarm-Invalidated": "1",
    };
    return new Response("", { headers });
  });
  await writer.fetch("http://elsewhere/write", { method: "POST" });
  vi.unstubAllGlobals();
  await eventually(() => expect(stamp && other.isStale(stamp)).toBe(true));
});

test("without sharing each tab has a connection", async () => {
  const { base, open, connections } = browser();
  for (let i = 0; i < 2; i += 1) {
    const transports = [
      (_base: string, cursor: string | undefined, to: Listener) => {
        connections.push({ to, cursor, isClosed: false });
        return () => {};
      },
    ];
    opened.push(new Live(base, { shareBetweenTabs: false, transports }));
  }
  expect(open()).toHaveLength(2);
});
