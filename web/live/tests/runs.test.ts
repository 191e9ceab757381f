import { expect, test } from "vitest";
import { Run, Runs } from "../src/runs.ts";

test("a request before the first await belongs to the run that is being called", async () => {
  const runs = new Runs();
  const [one, other] = [new Run(1), new Run(1)];
  const gate = Promise.withResolvers<void>();
  const first = runs.of(one, () => gate.promise);
  await runs.of(other, () => expect(runs.now()).toEqual([other]));
  gate.resolve();
  await first;
});

test("a later one belongs to the run whose signal it carries", async () => {
  const runs = new Runs();
  const [one, other] = [new Run(1), new Run(1)];
  const { signal } = new AbortController();
  const gate = Promise.withResolvers<void>();
  const both = [
    runs.of(one, async () => {
      runs.claim(one, signal);
      await gate.promise;
      expect(runs.now(signal)).toEqual([one]);
    }),
    runs.of(other, () => gate.promise),
  ];
  gate.resolve();
  await Promise.all(both);
});

test("one that nobody can place belongs to all under way, and to none afterwards", async () => {
  const runs = new Runs();
  const [one, other] = [new Run(1), new Run(1)];
  const gate = Promise.withResolvers<void>();
  const both = [runs.of(one, () => gate.promise), runs.of(other, () => gate.promise)];
  expect(runs.now()).toEqual([one, other]);
  gate.resolve();
  await Promise.all(both);
  expect(runs.now()).toEqual([]);
});

test("a run that throws is over", async () => {
  const runs = new Runs();
  const failing = runs.of(new Run(1), () => {
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  expect(runs.now()).toEqual([]);
});

test("what is made of two responses is as old as the older and depends on both", () => {
  const run = new Run(1);
  run.credit({ incarnation: "i", n: 7, tags: ["a", "b"], at: 3 });
  run.credit({ incarnation: "i", n: 5, tags: ["b", "c"], at: 4 });
  expect(run.stamp).toEqual({ incarnation: "i", n: 5, tags: ["a", "b", "c"], at: 3 });
});
