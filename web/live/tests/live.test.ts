import { afterEach, expect, test, vi } from "vitest";
import { Live } from "../src/live.ts";
import { parseMessage } from "../src/messages.ts";
import type { Listener } from "../src/transports.ts";

const opened: Live[] = [];
afterEach(() => {
  for (const live of opened.splice(0)) live.close();
  vi.unstubAllGlobals();
});

function scene(answers: Record<string, Record<string, string>>) {
  vi.stubGlobal("location", new URL("http://here/page"));
  const requests: Request[] = [];
  let to: Listener | undefined;
  const live = new Live("http://here/live", {
    shareBetweenTabs: false,
    transports: [
      (_base, _cursor, listener) => {
        to = listener;
        return () => {};
      },
    ],
    fetch: async (input, init) => {
      const request = new Request(input, init);
      requests.push(request);
      return new Response("", { headers: answers[new URL(request.url).pathname] ?? {} });
    },
  });
  opened.push(live);
  const say = (value: unknown): void => {
    const message = parseMessage(value);
    if (message) to?.heard(message);
  };
  return { live, requests, say };
}

const READ = { "Keepwarm-Position": "i.10.m", "Keepwarm-Tags": "x" };
const WROTE = {
  "Keepwarm-Position": "i.11.m",
  "Keepwarm-Tags": "x",
  "Keepwarm-Invalidated": "1",
  "Keepwarm-Token": "token",
};

test("a write raises the floors of what it ended, and later reads come after it", async () => {
  const { live, requests } = scene({ "/x": READ, "/write": WROTE });
  const changed = vi.fn();
  live.onChange(changed);
  const { stamp } = await live.run(() => live.fetch("http://here/x"));
  await live.fetch("http://here/write", { method: "POST" });
  expect(changed).toHaveBeenCalledTimes(1);
  expect(stamp && live.isStale(stamp)).toBe(true);
  await live.fetch("http://here/y");
  expect(requests.map(({ headers }) => headers.get("Keepwarm-After"))).toEqual([
    null,
    null,
    "token",
  ]);
});

test("a write that ended more than could be listed ended everything", async () => {
  const { live } = scene({ "/x": READ, "/write": { ...WROTE, "Keepwarm-Tags": "*" } });
  const { stamp } = await live.run(() => live.fetch("http://here/x"));
  await live.fetch("http://here/write", { method: "POST" });
  expect(stamp && live.isStale(stamp)).toBe(true);
});

test("no other site learns the token", async () => {
  const { live, requests } = scene({ "/write": WROTE });
  await live.fetch("http://here/write", { method: "POST" });
  await live.fetch("http://elsewhere/x");
  expect(requests[1]?.headers.has("Keepwarm-After")).toBe(false);
});

test("an address that answered below a floor is asked past the browser's own cache", async () => {
  const { live, requests, say } = scene({ "/x": READ });
  say({ seq: "i.9.m", beat: true });
  say({ seq: "i.12.m", tags: ["x"] });
  await live.fetch("http://here/x");
  await live.fetch("http://here/x");
  expect(requests.map(({ cache }) => cache)).toEqual(["default", "no-cache"]);
});

test("what takes no part has no stamp", async () => {
  const { live } = scene({});
  expect((await live.run(() => live.fetch("http://here/z"))).stamp).toBeUndefined();
});

test("a watched task runs again when what it fetched is stale, and not after it was stopped", async () => {
  const { live, say } = scene({ "/x": READ });
  const task = vi.fn(() => live.fetch("http://here/x"));
  const watching = live.watch(task);
  await watching.first;
  say({ seq: "i.10.m", beat: true });
  say({ seq: "i.10.m", tags: ["y"] });
  say({ seq: "i.10.m", tags: ["x"] });
  expect(task).toHaveBeenCalledTimes(1);
  say({ seq: "i.11.m", tags: ["x"] });
  await vi.waitFor(() => expect(task).toHaveBeenCalledTimes(2));
  watching.stop();
  const calls = task.mock.calls.length;
  say({ seq: "i.12.m", tags: ["x"] });
  expect(task).toHaveBeenCalledTimes(calls);
});

test("a watched task runs again if an invalidation overtook its first answer", async () => {
  const { live, say } = scene({ "/x": READ });
  say({ seq: "i.10.m", beat: true });
  const gate = Promise.withResolvers<void>();
  const task = vi.fn(async (signal: AbortSignal) => {
    await live.fetch("http://here/x", { signal });
    await gate.promise;
  });
  const watching = live.watch(task);
  say({ seq: "i.11.m", tags: ["x"] });
  gate.resolve();
  await watching.first;
  await vi.waitFor(() => expect(task).toHaveBeenCalledTimes(2));
  watching.stop();
});

test("a watched task that failed runs again when what it met has changed", async () => {
  const { live, say } = scene({ "/x": READ });
  say({ seq: "i.10.m", beat: true });
  const task = vi.fn(async () => {
    await live.fetch("http://here/x");
    throw new Error("not found");
  });
  const watching = live.watch(task);
  await expect(watching.first).rejects.toThrow("not found");
  say({ seq: "i.11.m", tags: ["x"] });
  await vi.waitFor(() => expect(task.mock.calls.length).toBeGreaterThan(1));
  watching.stop();
});
