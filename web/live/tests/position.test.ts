import { expect, test } from "vitest";
import { parsePosition } from "../src/position.ts";

test("a position is an incarnation, a number and a signature, and goes back as it came", () => {
  expect(parsePosition("a1b2.42.mac")).toEqual({
    incarnation: "a1b2",
    n: 42,
    token: "a1b2.42.mac",
  });
});

test.each(["", "a.1", "a.b.c", "a.-1.c", ".1.c", "a.1.b.c", "a.99999999999999999999.c"])(
  "%j is no position",
  (text) => {
    expect(parsePosition(text)).toBeUndefined();
  },
);
