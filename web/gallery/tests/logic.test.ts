import { expect, test } from "vitest";
import { listPath, paramsOf, wallAddress } from "../src/api/params";
import { newQueryClient } from "../src/api/queries";
import { explained, Refused } from "../src/api/refused";
import { duration, reading, timings } from "../src/api/speed";
import type { Character, Preferences } from "../src/api/types";
import { known, withLike } from "../src/api/writes";
import { mediaPath, placeholder, srcSet } from "../src/cards/picture";
import { count, plural } from "../src/cards/words";
import { inputOf } from "../src/pages/editor";
import { wantedOf, wantOf } from "../src/pages/preferences";
import { nextOf } from "../src/pages/signin";
import { summary } from "../src/shell/speed";

test.for([
  [0, "0"],
  [999, "999"],
  [1000, "1K"],
  [1099, "1K"],
  [1100, "1.1K"],
  [9999, "9.9K"],
  [10_999, "10K"],
  [999_999, "999K"],
  [1_000_000, "1M"],
  [1_290_000, "1.2M"],
] as const)("%d is cut to %s, never larger than it is", ([number, text]) => {
  expect(count(number)).toBe(text);
});

test("numbers of things", () => {
  expect(plural(1, "character")).toBe("1 character");
  expect(plural(50_000, "character")).toBe("50,000 characters");
});

test.for([
  ["", { mode: "trending", page: 0 }],
  ["mode=newest&page=2", { mode: "newest", page: 2 }],
  ["mode=best&page=-1", { mode: "trending", page: 0 }],
  ["page=1.5&q=++", { mode: "trending", page: 0 }],
  ["page=99999", { mode: "trending", page: 0 }],
  ["species=elf&q=+the+king", { mode: "trending", page: 0, species: "elf", q: "the king" }],
] as const)("the address ?%s asks for a list", ([search, params]) => {
  expect(paramsOf(search)).toEqual(params);
});

test("changing one part of an address keeps the others", () => {
  expect(wallAddress("mode=all&tag=x&page=3", { species: "elf", page: null })).toBe(
    "/?mode=all&tag=x&species=elf",
  );
  expect(wallAddress("q=x", { q: null })).toBe("/");
  expect(wallAddress("mode=all", { page: 0 })).toBe("/?mode=all");
});

test("equal lists have one address in the API", () => {
  const path = listPath({ mode: "newest", page: 1, q: "a b", creator: "u1" });
  expect(path).toBe("/api/characters?mode=newest&page_size=24&page=1&creator=u1&q=a+b");
});

test("Server-Timing and Age become where an answer came from", () => {
  const parts = timings('cache;desc="near hit", origin;dur=84.5, total;dur=0.4');
  expect(reading(parts, "HIT", "12")).toEqual({
    source: "memory",
    took: 0.4,
    origin: 84.5,
    age: 12,
  });
  expect(reading(timings("total;dur=1"), null, null)).toBeNull();
});

test.for([
  ["near hit", "HIT", "memory"],
  ["shared hit", "HIT", "store"],
  ["response hit", "HIT", "response"],
  ["near stale", "STALE", "stale"],
  ["response stale", "STALE", "stale"],
  ["miss", "MISS", "origin"],
] as const)("%s comes from %s", ([description, xCache, source]) => {
  const parts = timings(`cache;desc="${description}", total;dur=1`);
  expect(reading(parts, xCache, null)?.source).toBe(source);
});

test("an answer from before a write does not undo what the write was answered by", async () => {
  const client = newQueryClient();
  const queryKey = ["one"];
  const answers: ((value: string) => void)[] = [];
  const asked = client.query({
    queryKey,
    queryFn: () => new Promise<string>((answer) => answers.push(answer)),
  });
  asked.catch(() => {}); // given up
  await known(client, queryKey, () => client.setQueryData(queryKey, "written"));
  answers[0]?.("before");
  await new Promise((done) => setTimeout(done, 10));
  expect(client.getQueryData(queryKey)).toBe("written");
  expect(client.getQueryState(queryKey)?.isInvalidated, "it is asked for once more").toBe(true);
});

test("a speed is told with what it spared only where that is much", () => {
  const hit = { source: "memory", took: 0.42, origin: 84, age: null } as const;
  expect(summary(hit)).toBe("0.42 ms from cache, 84 ms without");
  expect(summary({ ...hit, origin: 0.5 })).toBe("0.42 ms from cache");
  expect(summary({ ...hit, source: "origin", took: 1240 })).toBe("1.2 s, from the database");
  expect([duration(9.96), duration(10)]).toEqual(["10.0 ms", "10 ms"]);
});

const FOUND: Character = {
  id: 1,
  creator_id: 1,
  creator: "u1",
  name: "Wren",
  description: "Once.",
  attributes: { species: "elf", mood: "sly", rank: "captain" },
  tags: ["magic"],
  picture: "c",
  tones: [],
  version: 3,
  like_count: 4,
  view_count: 9,
  created_at: "2026-01-01T00:00:00Z",
  liked: false,
  can_edit: true,
};

test("liking counts once, and taking back what was not given counts nothing", () => {
  const liked = withLike(FOUND, true);
  expect([liked.liked, liked.like_count]).toEqual([true, 5]);
  expect(withLike(liked, true)).toBe(liked);
  expect(withLike(liked, false).like_count).toBe(4);
  expect(withLike({ ...FOUND, liked: true, like_count: 0 }, false).like_count).toBe(0);
});

test("what the editor has no field for stays as it was", () => {
  const given = new FormData();
  given.set("name", " Wren ");
  given.set("description", "Once.");
  given.set("tags", "magic, ,magic,  sea");
  given.set("attribute:species", "orc");
  given.set("attribute:mood", "");
  const input = inputOf(given, FOUND, ["species", "mood"]);
  expect(input).toEqual({
    name: "Wren",
    description: "Once.",
    tags: ["magic", "sea"],
    attributes: { species: "orc", rank: "captain" },
  });
});

test("preferences come back from the form as they went in", () => {
  const kept: Preferences = {
    sort: "newest",
    favourite_species: "elf",
    hidden_tags: ["war"],
    tag_weights: { magic: 5, sea: 2 },
  };
  const tags = ["magic", "sea", "war", "tea"];
  const given = new FormData();
  given.set("sort", kept.sort);
  given.set("favourite_species", "elf");
  for (const tag of tags) given.set(`tag:${tag}`, wantOf(kept, tag));
  expect(wantedOf(given, tags)).toEqual(kept);
});

test.for([
  ["next=%2Fcharacters%2F5", "/characters/5"],
  ["next=%2F%3Fmode%3Dall", "/?mode=all"],
  ["next=https%3A%2F%2Fevil.example%2Fx", "/"],
  ["next=%2F%2Fevil.example%2Fx", "/"],
  ["next=%2F%5Cevil.example", "/"],
  ["next=javascript%3Aalert(1)", "/"],
  ["", "/"],
])("signing in with ?%s goes on to %s", ([search, next]) => {
  expect(nextOf(search ?? "")).toBe(next);
});

test("a refusal says what the server said, whatever it was", () => {
  const told = Refused.from(409, { error: { code: "x", message: "No.", hint: "Do y." } });
  expect([told.message, told.hint, told.isPassing]).toEqual(["No.", "Do y.", false]);
  expect(Refused.from(502, null).message).toBe("The server answered 502.");
  expect(Refused.from(502, "<html>").isPassing).toBe(true);
  expect(Refused.offline().isPassing).toBe(true);
  expect(explained(new TypeError("x is not a function")).message).not.toContain("function");
});

test("a picture has one address for each width and format", () => {
  const of = { kind: "portrait", id: 5, digest: "abc" } as const;
  expect(mediaPath(of, 320, "avif")).toBe("/media/abc/portrait-5-320.avif");
  expect(srcSet(of, "webp").split(", ")).toHaveLength(3);
});

test("a placeholder is small and an image by itself", () => {
  const uri = placeholder(["aabbcc", "112233", "ddeeff", "445566"]);
  expect(uri.length).toBeLessThan(120);
  expect(uri).not.toContain('"');
  const bytes = atob(uri.replace("data:image/gif;base64,", ""));
  expect(bytes.startsWith("GIF89a")).toBe(true);
  expect(bytes).toContain("\xaa\xbb\xcc");
});
