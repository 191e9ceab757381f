import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Again } from "../src/again.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("what is stale is fetched at once, and only once however often it is said", () => {
  const fetchAgain = vi.fn();
  const again = new Again(fetchAgain);
  again.stale();
  again.stale();
  vi.advanceTimersByTime(0);
  expect(fetchAgain).toHaveBeenCalledTimes(1);
});

test("a server that goes on answering below the floor is left alone after a few times", () => {
  const fetchAgain = vi.fn(() => again.stale());
  const again = new Again(fetchAgain);
  again.stale();
  vi.advanceTimersByTime(600_000);
  expect(fetchAgain).toHaveBeenCalledTimes(6);
});

test("until something new is heard", () => {
  const fetchAgain = vi.fn(() => again.stale());
  const again = new Again(fetchAgain);
  again.stale();
  vi.advanceTimersByTime(600_000);
  fetchAgain.mockImplementation(() => again.fresh());
  again.renew();
  again.stale();
  vi.advanceTimersByTime(1_000);
  expect(fetchAgain).toHaveBeenCalledTimes(7);
});

test("what has become fresh meanwhile is not fetched", () => {
  const fetchAgain = vi.fn();
  const again = new Again(fetchAgain);
  again.stale();
  again.fresh();
  vi.advanceTimersByTime(600_000);
  expect(fetchAgain).not.toHaveBeenCalled();
});
