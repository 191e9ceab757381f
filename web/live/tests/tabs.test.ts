import { afterEach, expect, test, vi } from "vitest";
import { Live } from "../src/live.ts";
import { type Message, parseMessage } from "../src/messages.ts";
import type { Timing } from "../src/stream.ts";
import type { Listener } from "../src/transports.ts";

// Node has real locks and channels; each Live here is a tab of its own.

const opened: Live[] = [];
afterEach(() => {
  for (const live of opened.splice(0)) live.close();
});

let sites = 0;

function browser() {
  sites += 1;
  const base = `http://site${sites}/live`;
  const connections: { to: Listener; cursor: string | undefined; isClosed: boolean }[] = [];
  const tab = (timing: Partial<Timing> = {}): Live => {
    const live = new Live(base, {
      timing,
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
  await vi.waitFor(() => expect(open()).toHaveLength(1));
  say({ seq: "i.10.m", beat: true });
  await vi.waitFor(() => expect(tabs.map(({ state }) => state)).toEqual(["open", "open", "open"]));
  const changed = tabs.map((each) => {
    const listener = vi.fn();
    each.onChange(listener);
    return listener;
  });
  say({ seq: "i.11.m", tags: ["x"] });
  await vi.waitFor(() => {
    for (const listener of changed) expect(listener).toHaveBeenCalledTimes(1);
  });
  tabs.find(({ isLeader }) => isLeader)?.close();
  await vi.waitFor(() => expect(connections).toHaveLength(2));
  expect(open().map(({ cursor }) => cursor)).toEqual(["i.11.m"]);
});

test("a tab that joins later learns what was heard before", async () => {
  const { tab, open, say } = browser();
  tab();
  await vi.waitFor(() => expect(open()).toHaveLength(1));
  say({ seq: "i.10.m", beat: true });
  say({ seq: "i.12.m", tags: ["x"] });
  const late = tab();
  const [ended, kept] = [late.stamp("i.11.m", "x"), late.stamp("i.11.m", "y")];
  await vi.waitFor(() => expect(ended && late.isStale(ended)).toBe(true));
  expect(kept && late.isStale(kept)).toBe(false);
});

test("the stream begins where the oldest of what a page brought was read", async () => {
  const { tab, open } = browser();
  const page = tab();
  for (const position of ["i.12.m", "i.9.m", "i.11.m"]) page.stamp(position, "x");
  await vi.waitFor(() => expect(open().map(({ cursor }) => cursor)).toEqual(["i.9.m"]));
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
    await vi.waitFor(() => expect(missed && late.isStale(missed)).toBe(true));
    const kept = late.stamp("i.11.m", "z");
    expect(kept && late.isStale(kept)).toBe(false);
  });
  leader.close();
});

test("a leader that says nothing is deposed, and queues again", async () => {
  const { base, tab, open } = browser();
  let depose: ((reason: unknown) => void) | undefined;
  const stuck = new Promise((_resolve, reject) => {
    depose = reject;
  });
  navigator.locks.request(`keepwarm-live:${base}`, () => stuck).catch(() => {});
  const follower = tab({ silenceMs: 100, firstMs: 50 });
  expect(open()).toHaveLength(0);
  await vi.waitFor(() => expect(follower.isLeader).toBe(true));
  expect(open()).toHaveLength(1);
  depose?.("over");
  await stuck.catch(() => {});
});

test("nobody is deposed for being silent after the session has ended", async () => {
  const { tab, open, connections } = browser();
  const leader = tab();
  await vi.waitFor(() => expect(open()).toHaveLength(1));
  const follower = tab({ silenceMs: 20, firstMs: 10 });
  open()[0]?.to.closed("over");
  await vi.waitFor(() => expect(follower.state).toBe("over"));
  await new Promise((resolve) => setTimeout(resolve, 100)); // three times its patience
  expect([leader.isLeader, follower.isLeader]).toEqual([true, false]);
  expect(connections).toHaveLength(1);
  follower.reconnect();
  await vi.waitFor(() => expect(open()).toHaveLength(1));
});

test("a deposed leader lets its connection go, and leads again in its turn", async () => {
  const { base, tab, open } = browser();
  const deposed = tab();
  await vi.waitFor(() => expect(deposed.isLeader).toBe(true));
  let leave = (): void => {};
  const held = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const theft = navigator.locks.request(`keepwarm-live:${base}`, { steal: true }, () => held);
  await vi.waitFor(() => expect(deposed.isLeader).toBe(false));
  expect(open()).toHaveLength(0);
  leave();
  await theft;
  await vi.waitFor(() => expect(deposed.isLeader).toBe(true));
});

test("a tab's own write reaches the others before the server does", async () => {
  const { tab, open, say } = browser();
  const [writer, other] = [tab(), tab()];
  await vi.waitFor(() => expect(open()).toHaveLength(1));
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
  await vi.waitFor(() => expect(stamp && other.isStale(stamp)).toBe(true));
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
