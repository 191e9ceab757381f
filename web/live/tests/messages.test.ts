import { expect, test } from "vitest";
import { parseMessage, parseText } from "../src/messages.ts";

test.each([
  null,
  7,
  {},
  { seq: "nonsense", beat: true },
  { seq: "i.1.m" },
  { seq: "i.1.m", later: "kind" },
  { seq: "i.1.m", tags: "x" },
])("%j is no message", (value) => {
  expect(parseMessage(value)).toBeUndefined();
});

test.each(["", "{", "[]", undefined, new ArrayBuffer(2)])("%j is no text of one", (text) => {
  expect(parseText(text)).toBeUndefined();
});

test("tags without positions of their own ended by the message's", () => {
  const message = parseText('{"seq":"i.9.m","tags":["a","~b"],"at":[4]}');
  expect(message).toMatchObject({
    kind: "tags",
    tags: [
      ["a", 4],
      ["~b", 9],
    ],
  });
});
