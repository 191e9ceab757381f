import { describe, expect, test } from "vitest";
import { Floors } from "../src/floors.ts";
import { type Message, parseMessage } from "../src/messages.ts";
import { parsePosition } from "../src/position.ts";
import type { Stamp } from "../src/stamp.ts";

const tags = (n: number, ...names: string[]): Message => said({ seq: `i.${n}.m`, tags: names });
const beat = (n: number, incarnation = "i"): Message =>
  said({ seq: `${incarnation}.${n}.m`, beat: true });
const reset = (n: number, incarnation = "i"): Message =>
  said({ seq: `${incarnation}.${n}.m`, reset: true });

function said(value: unknown): Message {
  const message = parseMessage(value);
  if (!message) throw new Error("no message");
  return message;
}

function read(floors: Floors, n: number, ...names: string[]): Stamp {
  return { incarnation: "i", n, tags: names, at: floors.tick };
}

describe("a response that was overtaken by an invalidation", () => {
  test("is stale when it arrives", () => {
    const floors = new Floors();
    floors.hear(beat(10));
    const asked = read(floors, 10, "x");
    floors.hear(tags(11, "x"));
    expect(floors.isStaleOnArrival(asked)).toBe(true);
  });

  test("is fresh if it was read at or after the invalidation", () => {
    const floors = new Floors();
    floors.hear(beat(10));
    const asked = read(floors, 11, "x");
    floors.hear(tags(11, "x"));
    expect(floors.isStaleOnArrival(asked)).toBe(false);
  });

  test("is fresh if another tag was invalidated", () => {
    const floors = new Floors();
    floors.hear(beat(10));
    const asked = read(floors, 10, "x");
    floors.hear(tags(11, "y"));
    expect(floors.isStaleOnArrival(asked)).toBe(false);
  });

  test("is stale even if its floor has been dropped for want of room", () => {
    const floors = new Floors(2);
    floors.hear(beat(10));
    const asked = read(floors, 10, "x");
    floors.hear(tags(11, "x"));
    floors.hear(tags(12, "a", "b"));
    expect(floors.isStaleOnArrival(asked)).toBe(true);
    expect(floors.isStaleOnArrival(read(floors, 12, "x"))).toBe(false);
  });
});

test("each tag of a coalesced message has a position of its own", () => {
  const floors = new Floors();
  floors.hear(beat(10));
  floors.hear(said({ seq: "i.15.m", tags: ["x", "y"], at: [11, 15] }));
  expect(floors.isStale(read(floors, 12, "x"))).toBe(false);
  expect(floors.isStale(read(floors, 12, "y"))).toBe(true);
});

test("a floor never falls", () => {
  const floors = new Floors();
  floors.hear(beat(10));
  floors.hear(tags(20, "x"));
  expect(floors.hear(tags(15, "x"))).toBe(false);
  expect(floors.isStale(read(floors, 17, "x"))).toBe(true);
});

describe("where hearing began", () => {
  test("what was asked for before, and read below it, may have missed anything", () => {
    const floors = new Floors();
    const asked = read(floors, 10, "x");
    floors.hear(beat(12));
    expect(floors.isStale(asked)).toBe(true);
  });

  test("what was asked for before, and read at it, has missed nothing", () => {
    const floors = new Floors();
    const asked = read(floors, 12, "x");
    floors.hear(beat(12));
    expect(floors.isStale(asked)).toBe(false);
  });

  test("what was asked for afterwards may carry an old position, being still valid", () => {
    const floors = new Floors();
    floors.hear(beat(1_000));
    expect(floors.isStale(read(floors, 10, "x"))).toBe(false);
  });

  test("a cursor moves it back to there: the first message tells all since", () => {
    const floors = new Floors();
    const [kept, ended] = [read(floors, 10, "x"), read(floors, 10, "y")];
    floors.hear(tags(15, "y"), parsePosition("i.10.m"));
    expect(floors.isStale(kept)).toBe(false);
    expect(floors.isStale(ended)).toBe(true);
  });
});

describe("a reset", () => {
  test("makes all stale that was asked for before it", () => {
    const floors = new Floors();
    floors.hear(beat(10));
    const held = read(floors, 10, "x");
    expect(floors.hear(reset(20))).toBe(true);
    expect(floors.isStale(held)).toBe(true);
  });

  test("leaves what is asked for after it, old positions too: no reload for ever", () => {
    const floors = new Floors();
    floors.hear(beat(10));
    floors.hear(reset(20));
    expect(floors.isStale(read(floors, 12, "x"))).toBe(false);
  });

  test("of another incarnation makes positions incomparable: order in this tab decides", () => {
    const floors = new Floors();
    floors.hear(beat(1_000));
    floors.hear(tags(1_001, "y"));
    const held = read(floors, 1_001, "x");
    floors.hear(reset(3, "j"));
    expect(floors.isStale(held)).toBe(true);
    expect(floors.isStale({ ...read(floors, 3, "y"), incarnation: "j" })).toBe(false);
    const stillValid = read(floors, 1_000, "x");
    expect(floors.isStale(stillValid)).toBe(false);
    floors.hear(said({ seq: "j.4.m", tags: ["x"] }));
    expect(floors.isStale(stillValid)).toBe(true);
  });

  test("is understood from a message of another incarnation", () => {
    const floors = new Floors();
    floors.hear(beat(10));
    const held = read(floors, 10, "x");
    expect(floors.hear(beat(2, "j"))).toBe(true);
    expect(floors.isStale(held)).toBe(true);
  });
});

describe("one's own write", () => {
  test("raises floors before anything was heard", () => {
    const floors = new Floors();
    const asked = read(floors, 10, "x");
    expect(floors.raise("i", [["x", 11]])).toBe(true);
    expect(floors.isStaleOnArrival(asked)).toBe(true);
  });

  test("of an incarnation that is not yet known waits for its reset", () => {
    const floors = new Floors();
    floors.hear(beat(10));
    expect(floors.raise("j", [["x", 1]])).toBe(false);
  });
});

describe("a tab that joins", () => {
  test("knows what the leader knows", () => {
    const leader = new Floors();
    leader.hear(beat(10));
    leader.hear(tags(12, "x"));
    const joining = new Floors();
    const [ended, kept, early] = [
      read(joining, 11, "x"),
      read(joining, 11, "y"),
      read(joining, 9, "y"),
    ];
    const known = leader.snapshot();
    expect(known && joining.adopt(known)).toBe(true);
    expect([ended, kept, early].map((stamp) => joining.isStale(stamp))).toEqual([
      true,
      false,
      true,
    ]);
  });

  test("hears of floors that were dropped as of a later beginning", () => {
    const leader = new Floors(1);
    leader.hear(beat(10));
    leader.hear(tags(12, "x"));
    leader.hear(tags(13, "y"));
    const joining = new Floors();
    const asked = read(joining, 11, "x");
    const known = leader.snapshot();
    if (known) joining.adopt(known);
    expect(joining.isStale(asked)).toBe(true);
  });

  test("before the leader has heard anything there is nothing to know", () => {
    expect(new Floors().snapshot()).toBeUndefined();
  });
});

describe("a tab that was away (in the back/forward cache)", () => {
  const away = (): [Floors, Stamp] => {
    const floors = new Floors();
    floors.hear(beat(10), parsePosition("i.10.m"));
    return [floors, read(floors, 10, "x")];
  };

  test("learns what it missed from a leader that heard it all", () => {
    const [floors, held] = away();
    const leader = new Floors();
    leader.hear(beat(9), parsePosition("i.9.m"));
    leader.hear(tags(12, "y"));
    const known = leader.snapshot();
    expect(known && floors.adopt(known)).toBe(true);
    expect(floors.isStale(held)).toBe(false);
  });

  test("presumes all stale if the leader came after it had left", () => {
    const [floors, held] = away();
    const leader = new Floors();
    leader.hear(beat(12), parsePosition("i.12.m"));
    const known = leader.snapshot();
    expect(known && floors.adopt(known)).toBe(true);
    expect(floors.isStale(held)).toBe(true);
  });

  test("does so, too, if a leader's connection begins after it had left", () => {
    const [floors, held] = away();
    floors.hear(beat(12), parsePosition("i.11.m"));
    expect(floors.isStale(held)).toBe(true);
  });

  test("goes on as before if it leads and takes up where it left", () => {
    const [floors, held] = away();
    floors.hear(tags(12, "y"), parsePosition("i.10.m"));
    expect(floors.isStale(held)).toBe(false);
  });
});

test("what depends on more than could be listed ends with anything", () => {
  const floors = new Floors();
  floors.hear(beat(10));
  const held = read(floors, 10, "*");
  expect(floors.isStale(held)).toBe(false);
  floors.hear(tags(11, "x"));
  expect(floors.isStale(held)).toBe(true);
  expect(floors.isStale(read(floors, 11, "*"))).toBe(false);
});
