import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Message } from "../src/messages.ts";
import { parsePosition } from "../src/position.ts";
import { Stream, TIMING } from "../src/stream.ts";
import type { Listener, Transport } from "../src/transports.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Three ways that do nothing by themselves, and what a page is told. */
function scene() {
  const opened: { way: number; cursor: string | undefined; to: Listener; isClosed: boolean }[] = [];
  const heard: Message[] = [];
  const states: string[] = [];
  const way =
    (which: number): Transport =>
    (_base, cursor, to) => {
      const connection = { way: which, cursor, to, isClosed: false };
      opened.push(connection);
      return () => {
        connection.isClosed = true;
      };
    };
  const stream = new Stream(
    "/live",
    { message: (message) => heard.push(message), state: (state) => states.push(state) },
    [way(0), way(1), way(2)],
  );
  const last = () => {
    const connection = opened.at(-1);
    if (!connection) throw new Error("nothing was opened");
    return connection;
  };
  return { stream, opened, heard, states, last };
}

function beat(n: number): Message {
  const seq = parsePosition(`i.${n}.m`);
  if (!seq) throw new Error("no position");
  return { kind: "beat", seq };
}

test("the next way is tried at once when one is refused", () => {
  const { stream, opened, last } = scene();
  stream.open();
  last().to.closed("lost");
  vi.advanceTimersByTime(1);
  expect(opened.map(({ way }) => way)).toEqual([0, 1]);
});

test("and when one stays silent, as behind a box that buffers", () => {
  const { stream, opened, last } = scene();
  stream.open();
  vi.advanceTimersByTime(TIMING.firstMs + 1);
  vi.advanceTimersByTime(TIMING.firstMs + 1);
  expect(opened.map(({ way, isClosed }) => [way, isClosed])).toEqual([
    [0, true],
    [1, true],
    [2, false],
  ]);
  last().to.heard(beat(1));
  expect(stream.cursor?.n).toBe(1);
});

test("a connection that is lost goes on from the last position, the same way", () => {
  const { stream, opened, last } = scene();
  stream.open();
  last().to.closed("lost");
  vi.advanceTimersByTime(1);
  last().to.heard(beat(7));
  last().to.closed("lost");
  vi.advanceTimersByTime(2 * TIMING.retryMs);
  expect(opened.map(({ way, cursor }) => [way, cursor])).toEqual([
    [0, undefined],
    [1, undefined],
    [1, "i.7.m"],
  ]);
});

test("a server that is away is asked less and less often, and never given up", () => {
  const { stream, opened } = scene();
  stream.open();
  let asked = 0;
  const perMinute: number[] = [];
  for (let second = 0; second < 180; second += 1) {
    for (let step = 0; step < 100; step += 1) {
      for (const { to, isClosed } of opened.slice(asked)) if (!isClosed) to.closed("lost");
      asked = opened.length;
      vi.advanceTimersByTime(10);
    }
    if (second % 60 === 59) perMinute.push(opened.length);
  }
  const [first, second, third] = perMinute as [number, number, number];
  expect(first).toBeLessThan(80);
  expect(third - second).toBeGreaterThanOrEqual(9);
  expect(third - second).toBeLessThan(30);
});

test("a connection that falls silent is replaced", () => {
  const { stream, opened, last } = scene();
  stream.open();
  last().to.heard(beat(1));
  vi.advanceTimersByTime(TIMING.silenceMs - 1);
  last().to.alive();
  vi.advanceTimersByTime(TIMING.silenceMs - 1);
  expect(opened).toHaveLength(1);
  vi.advanceTimersByTime(1 + TIMING.retryMs);
  expect(opened).toHaveLength(2);
});

test("the last way is not kept for ever: when it is lost, the first is tried again", () => {
  const { stream, opened, last } = scene();
  stream.open();
  for (const _ of [0, 1]) {
    last().to.closed("lost");
    vi.advanceTimersByTime(1);
  }
  last().to.heard(beat(1));
  vi.advanceTimersByTime(20_000);
  last().to.closed("lost");
  vi.advanceTimersByTime(TIMING.retryMs);
  expect(opened.map(({ way }) => way)).toEqual([0, 1, 2, 0]);
});

test("a server that drops everybody after a word is not hurried", () => {
  const { stream, opened, last } = scene();
  stream.open();
  let answered = 0;
  for (let step = 0; step < 6_000; step += 1) {
    if (opened.length > answered) {
      answered = opened.length;
      last().to.heard(beat(answered));
      last().to.closed("lost");
    }
    vi.advanceTimersByTime(10);
  }
  expect(opened.length).toBeLessThan(100);
  expect(opened.length).toBeGreaterThan(30);
});

test("a session that is over is not asked for again", () => {
  const { stream, opened, states, last } = scene();
  stream.open();
  last().to.closed("over");
  vi.advanceTimersByTime(3_600_000);
  expect(opened).toHaveLength(1);
  expect(states.at(-1)).toBe("over");
});

test("too many connections is answered with patience", () => {
  const { stream, opened, last } = scene();
  stream.open();
  last().to.closed("crowded");
  vi.advanceTimersByTime(TIMING.crowdedMs * 0.4);
  expect(opened).toHaveLength(1);
  while (opened.length === 1 && vi.getTimerCount() > 0) vi.advanceTimersToNextTimer();
  last().to.heard(beat(1));
  expect(opened).toHaveLength(2);
});

test("a reader who is back does not wait for a timer that slept", () => {
  const { stream, opened, last } = scene();
  stream.open();
  last().to.closed("crowded");
  stream.wake();
  expect(opened).toHaveLength(2);
  last().to.heard(beat(1));
  stream.wake();
  expect(opened).toHaveLength(2);
  vi.setSystemTime(Date.now() + TIMING.silenceMs);
  stream.wake();
  expect(opened).toHaveLength(3);
});

test("nothing happens after close", () => {
  const { stream, opened, states } = scene();
  stream.open();
  stream.close();
  vi.advanceTimersByTime(600_000);
  expect(opened.map(({ isClosed }) => isClosed)).toEqual([true]);
  expect(states).toEqual(["connecting"]);
});
