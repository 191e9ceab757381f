"""Each rule is needed: take one away, and some schedule is stale after an acknowledgement."""

from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from keepwarm.core import fetch as fetching
from keepwarm.core import fill as filling
from keepwarm.core import judge as judging
from keepwarm.core.entry import Life, Seen, Stored, Terms
from keepwarm.core.fetch import Answer
from keepwarm.core.outcome import Outcome, Reason, Tier
from keepwarm.core.stamps import Stamp, Token, carried
from keepwarm.core.steps import (
    Away,
    CallOrigin,
    Capture,
    Changed,
    ChangeStamps,
    CloseFlight,
    Confirm,
    Decode,
    DeleteShared,
    Elect,
    Fill,
    Filled,
    Now,
    ReadNear,
    ReadShared,
    Recipe,
    Subject,
    WriteShared,
    ask,
)
from keepwarm.stores.memory import MemoryStore
from keepwarm.testing import Exploration, Rules, World, explore, sample
from worlds.test_schedules import batches, fleet, joined, late_over_older, late_tags, race, warm


def must_fail(found: Exploration) -> None:
    assert found.failures, f"the mutant was not caught in {found}"
    story = str(found.failures[0])
    assert "replay: [" in story
    assert "is acknowledged" in story


def _naive_fetch(subject: Subject) -> Recipe[Any]:
    """What every cache-aside does: look, load, store."""
    seen = yield from ask(ReadShared((subject.name,), ()))
    assert not isinstance(seen, Away)
    stored = seen.entries[0]
    if stored is None:
        reply = yield from ask(Fill(subject, None, may_be_stale=False))
        assert isinstance(reply, Filled)
        payload = reply.made.payload
    else:
        payload = stored.payload
    assert payload is not None
    decoded = yield from ask(Decode(payload))
    return Answer(decoded.value, Outcome("p", None, False, Reason.FILLED))  # type: ignore[union-attr]


def _naive_fill(wanted: Any) -> Recipe[Any]:
    ((subject, _),) = wanted
    made = (yield from ask(CallOrigin()))[subject.name]
    stored = Stored(Terms(0, 2e9, 0, 0, 2e9, 0, "", 0, (), ()), made.payload)  # type: ignore[union-attr]
    yield from ask(WriteShared(((subject.name, stored),), 0))
    return {subject.name: Filled(made, stored, Reason.FILLED)}  # type: ignore[arg-type]


def _naive_invalidate(stamps: tuple[str, ...]) -> Recipe[Any]:
    yield from ask(DeleteShared(("w:k",)))
    return (yield from ask(ChangeStamps(())))


def test_look_load_store_delete_is_stale() -> None:
    """The ordinary way of using a cache loses the ordinary race."""
    rules = Rules(_naive_fetch, _naive_fill, _naive_invalidate)

    found = explore(race, rules=rules)

    print(f"naive: {found}\n{found.failures[0]}")
    must_fail(found)


def test_a_missing_stamp_must_not_count_as_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    real = judging.life

    def lenient(terms: Terms, seen: Seen, now: float) -> Life:
        stamps = {n: s or Stamp(nonce, soft, 0) for (n, nonce, soft) in terms.stamps
                  for s in (seen.stamps.get(n),)}  # fmt: skip
        return real(terms, seen.but(stamps=stamps), now)

    def evicted_at_ack(world: World) -> None:
        world.reader("a", "k", name="first")
        world.writer("k", after="first")
        world.event("eviction", lambda w: w.evict_stamps("tag:k", "k"), after="writer")
        world.reader("b", "k", after="eviction")

    monkeypatch.setattr(judging, "life", lenient)
    must_fail(explore(evicted_at_ack))


def test_stamps_must_be_captured_before_the_origin_runs() -> None:
    def late_capture(wanted: Any) -> Recipe[Any]:
        ((subject, token),) = wanted
        recipe = filling.fill(wanted)
        assert isinstance(next(recipe), Elect)
        step = recipe.send((None,))
        assert isinstance(step, CallOrigin)
        produced = yield from ask(step)
        seen = yield from ask(Capture(subject.stamps))
        assert not isinstance(seen, Away)
        assert seen.epoch is not None
        stamps = carried(subject.stamps, seen.stamps) or ()
        token = Token(seen.epoch.nonce, 0, seen.position or 0, stamps, 0.0)
        again = filling.fill(((subject, token),))
        next(again)
        again.send((None,))
        reply: Any = produced
        try:
            while True:
                reply = yield again.send(reply)
        except StopIteration as stop:
            return stop.value

    must_fail(explore(race, rules=Rules(fill=late_capture)))


def test_a_nonce_must_be_random_not_a_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter that an eviction resets comes round to the value an old entry carries."""
    real_change, real_capture = MemoryStore._change, MemoryStore._capture

    def renumbered(store: MemoryStore) -> None:
        for name, stamp in store._stamps.items():
            if not stamp.nonce.startswith("v"):
                n = store.__dict__.setdefault("seen", {}).get(name, 0)
                store._stamps[name] = replace(stamp, nonce=f"v{n}", soft="s")

    def change(store: MemoryStore, step: ChangeStamps) -> Any:
        old = {n: store._stamps.get(n) for n in step.stamps}
        done = real_change(store, step)
        for name, stamp in old.items():
            n = int(stamp.nonce[1:]) + 1 if stamp else 1
            store._stamps[name] = replace(store._stamps[name], nonce=f"v{n}", soft="s")
        return done

    def capture(store: MemoryStore, step: Capture) -> Any:
        real_capture(store, step)
        renumbered(store)
        return store._read(ReadShared((), step.stamps))

    def reset(world: World) -> None:
        world.reader("a", "k", name="first")
        world.event("eviction", lambda w: w.evict_stamps("tag:k"), after="first")
        world.writer("k", name="writer", after="first")
        world.event("eviction 2", lambda w: w.evict_stamps("tag:k"), after="writer")
        world.reader("b", "other", tags=["tag:k"], after="eviction 2", name="creator")
        world.reader("b", "k", after="creator", name="victim")

    monkeypatch.setattr(MemoryStore, "_change", change)
    monkeypatch.setattr(MemoryStore, "_capture", capture)
    # The table of answers is made at construction, from the patched methods.
    must_fail(explore(reset))


def test_a_flight_with_another_token_must_not_be_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Token, "join_key", property(lambda self: "any"))
    must_fail(explore(joined))


def test_a_batch_must_not_join_a_flight_with_another_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Token, "join_key", property(lambda self: "any"))
    must_fail(sample(batches, seed=1, schedules=500))


def test_who_joined_must_not_take_an_unconfirmed_value() -> None:
    """The token cannot show a tag that came up only during the fill."""

    def trusting(wanted: Any) -> Recipe[Any]:
        results = yield from filling.fill(wanted)
        return {n: replace(r, is_joinable=True) for n, r in results.items()}

    must_fail(explore(late_tags, rules=Rules(fill=trusting)))


def test_nobody_may_join_after_the_confirmation_was_sent() -> None:
    """A tag is quiet when it is confirmed, then changes; who joins after that is deceived."""

    def closing_late(wanted: Any) -> Recipe[Any]:
        recipe = filling.fill(wanted)
        reply: Any = None
        was_open = False
        try:
            while True:
                step = recipe.send(reply)
                if isinstance(step, CloseFlight):
                    reply, was_open = False, True
                    continue
                reply = yield step
        except StopIteration as stop:
            if was_open:
                yield from ask(CloseFlight())
            return stop.value

    def quiet_then_changed(world: World) -> None:
        world.reader("a", "k", tags=["list"], late=["item:1"], name="creates stamps")
        world.event("loss", lambda w: w.store.evict("w:k"), after="creates stamps")
        world.reader("a", "k", tags=["list"], late=["item:1"], name="leads", after="loss")
        world.writer("k", tags=["item:1"], after="loss")
        world.reader("a", "k", tags=["list"], late=["item:1"], name="joins", after="writer")

    assert not explore(quiet_then_changed, limit=3_000).failures
    must_fail(explore(quiet_then_changed, rules=Rules(fill=closing_late), limit=100_000))


def test_a_store_must_not_create_a_late_stamp() -> None:
    def creating(wanted: Any) -> Recipe[Any]:
        recipe = filling.fill(wanted)
        reply: Any = None
        try:
            while True:
                step = recipe.send(reply)
                if isinstance(step, Confirm):
                    seen = yield from ask(Capture(step.late))
                    assert not isinstance(seen, Away)
                    reply = {n: s for n, s in seen.stamps.items() if s is not None}
                    continue
                reply = yield step
        except StopIteration as stop:
            return stop.value

    must_fail(explore(late_tags, rules=Rules(fill=creating)))


@pytest.mark.more
def test_a_late_tag_must_have_been_quiet_since_the_fill_began() -> None:
    """Not only since it was asked about: then what it guards may have been read before."""

    def trusting(wanted: Any) -> Recipe[Any]:
        recipe = filling.fill(wanted)
        reply: Any = None
        try:
            while True:
                step = recipe.send(reply)
                if isinstance(step, Confirm):
                    step = replace(step, position=2**40)
                reply = yield step
        except StopIteration as stop:
            return stop.value

    must_fail(explore(late_over_older, rules=Rules(fill=trusting), limit=100_000))


def test_a_subset_of_the_stamps_must_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    real = judging.life

    def first_only(terms: Terms, seen: Seen, now: float) -> Life:
        return real(structs.replace(terms, stamps=terms.stamps[:1]), seen, now)

    monkeypatch.setattr(judging, "life", first_only)
    must_fail(explore(warm))


def test_a_failed_invalidation_must_not_pass_for_an_acknowledged_one() -> None:
    def swallowing(stamps: tuple[str, ...]) -> Recipe[Any]:
        changed = yield from ask(ChangeStamps(stamps))
        return Changed("", 0) if isinstance(changed, Away) else changed

    def outage(world: World) -> None:
        def away(w: World) -> None:
            w.is_away = True

        def back(w: World) -> None:
            w.is_away = False

        world.reader("a", "k", name="first")
        world.event("outage", away, after="first")
        world.writer("k", after="outage")
        world.event("return", back, after="writer")
        world.reader("b", "k", after="return")

    assert not explore(outage).failures
    must_fail(explore(outage, rules=Rules(invalidate=swallowing)))


def test_near_copies_must_be_compared_with_stamps_read_now() -> None:
    """A near hit on the word of the copy alone is stale in the other process."""

    def believing(subject: Subject) -> Recipe[Any]:
        held = yield from ask(ReadNear(subject))
        if held is not None:
            now = yield from ask(Now())
            return (yield from fetching.serve(subject, held.stored, Tier.NEAR, Reason.FRESH, now))
        return (yield from fetching.fetch(subject))

    def copied(world: World) -> None:
        world.reader("a", "k", name="first")
        world.writer("k", after="first")
        world.reader("a", "k", after="writer")

    must_fail(explore(copied, rules=Rules(fetch=believing)))


def test_the_fleet_catches_mutants_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Token, "join_key", property(lambda self: "any"))

    assert sample(fleet, seed=1, schedules=300).failures
