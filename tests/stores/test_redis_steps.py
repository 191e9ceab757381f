"""What every shared store answers to each step: in memory, in Valkey blocking and async."""

from collections.abc import AsyncIterator
from typing import Any, Protocol

import pytest

from keepwarm.core.entry import Seen, Stored, Terms
from keepwarm.core.globs import Glob
from keepwarm.core.stamps import Stamp
from keepwarm.core.steps import (
    AddPattern,
    Capture,
    Changed,
    ChangeStamps,
    Confirm,
    DeleteShared,
    Describe,
    Facts,
    NewEpoch,
    Ping,
    ReadPatterns,
    ReadShared,
    ReplaceShared,
    Scan,
    Step,
    WriteShared,
)
from keepwarm.stores.envelope import Sealing
from keepwarm.stores.memory import PATTERNS_KEPT, MemoryStore
from keepwarm.stores.redis.aio import AsyncRedis
from keepwarm.stores.redis.blocking import BlockingRedis
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.stores.redis.settings import parse_address

NOW = 1_000.0


class Shared(Protocol):
    async def __call__(self, step: Step[Any]) -> Any: ...


@pytest.fixture(params=["memory", "blocking", "async"])
async def ask(
    request: pytest.FixtureRequest, server: EmbeddedServer, namespace: str
) -> AsyncIterator[Shared]:
    """Answers a step."""
    address, sealing = parse_address(server.url), Sealing()
    if request.param == "async":
        store = AsyncRedis(address, namespace, sealing, 2.0)
        yield store.answer
        await store.aclose()
        return
    here = (
        MemoryStore()
        if request.param == "memory"
        else BlockingRedis(address, namespace, sealing, 2.0)
    )

    async def answer(step: Step[Any]) -> Any:
        return here.answer(step)

    yield answer
    here.close()


def entry(seen: Seen, *names: str, payload: bytes = b"v", position: int | None = None) -> Stored:
    """An entry that depends on `names` as `seen` saw them."""
    assert seen.epoch is not None
    carried = tuple((n, s.nonce, s.soft) for n in names if (s := seen.stamps[n]) is not None)
    terms = Terms(
        filled_at=NOW,
        fresh_until=NOW + 10,
        stale_until=NOW + 20,
        error_until=NOW + 30,
        kept_until=NOW + 60,
        cost_s=0.1,
        epoch=seen.epoch.nonce,
        position=position or seen.position or 0,
        stamps=carried,
        tags=("a",),
        filler="x",
    )
    return Stored(terms, payload)


async def test_a_store_answers_ping(ask: Shared) -> None:
    assert await ask(Ping()) is None


async def test_capture_creates_what_is_missing_and_keeps_what_is_there(ask: Shared) -> None:
    first = await ask(Capture(("tag:a",)))
    both = await ask(Capture(("tag:a", "tag:b")))

    assert first.stamps["tag:a"] == both.stamps["tag:a"]
    assert isinstance(both.stamps["tag:b"], Stamp)
    assert both.stamps["tag:b"].born == both.position > first.position
    assert first.epoch == both.epoch


async def test_a_read_sees_what_was_captured_and_none_for_what_is_missing(ask: Shared) -> None:
    captured = await ask(Capture(("tag:a",)))

    seen = await ask(ReadShared(("e1",), ("tag:a", "tag:none")))

    assert seen.epoch == captured.epoch
    assert seen.position == captured.position
    assert seen.stamps == {"tag:a": captured.stamps["tag:a"], "tag:none": None}
    assert seen.entries == (None,)


async def test_entries_come_back_as_they_were_written_in_order(ask: Shared) -> None:
    seen = await ask(Capture(("tag:a",)))
    one, two = entry(seen, "tag:a", payload=b"1"), entry(seen, "tag:a", payload=b"2" * 5000)
    assert await ask(WriteShared((("e1", one), ("e2", two)), NOW)) is True

    found = await ask(ReadShared(("e2", "none", "e1"), ()))

    assert found.entries == (two, None, one)


async def test_deleted_entries_are_gone(ask: Shared) -> None:
    seen = await ask(Capture(("tag:a",)))
    await ask(WriteShared((("e1", entry(seen)), ("e2", entry(seen))), NOW))

    assert await ask(DeleteShared(("e1", "never-there"))) is None

    found = await ask(ReadShared(("e1", "e2"), ()))
    assert [e is None for e in found.entries] == [True, False]


async def test_a_hard_change_gives_new_nonces_also_to_stamps_nobody_captured(ask: Shared) -> None:
    before = await ask(Capture(("tag:a",)))

    changed = await ask(ChangeStamps(("tag:a", "tag:new")))

    after = await ask(ReadShared((), ("tag:a", "tag:new")))
    assert isinstance(changed, Changed)
    assert changed.epoch == before.epoch.nonce
    assert changed.position == after.position == before.position + 1
    assert after.stamps["tag:a"].nonce != before.stamps["tag:a"].nonce
    assert after.stamps["tag:a"].soft != before.stamps["tag:a"].soft
    assert after.stamps["tag:new"].born == after.position


async def test_a_soft_change_moves_only_the_soft_nonce_and_creates_nothing(ask: Shared) -> None:
    before = await ask(Capture(("tag:a",)))

    await ask(ChangeStamps(("tag:a", "tag:new"), is_soft=True))

    after = await ask(ReadShared((), ("tag:a", "tag:new")))
    assert after.stamps["tag:a"].nonce == before.stamps["tag:a"].nonce
    assert after.stamps["tag:a"].soft != before.stamps["tag:a"].soft
    assert after.stamps["tag:new"] is None


async def test_confirm_gives_late_stamps_that_were_quiet_since_the_position(ask: Shared) -> None:
    await ask(Capture(("tag:late",)))
    token = await ask(Capture(("tag:a",)))
    unchanged = entry(token, "tag:a").terms.stamps

    found = await ask(Confirm(token.epoch.nonce, token.position, ("tag:late",), unchanged))

    assert set(found) == {"tag:late"}
    assert found["tag:late"].born <= token.position


@pytest.mark.parametrize("change", ["late", "unchanged", "missing", "epoch"])
async def test_confirm_refuses_whatever_moved_since(ask: Shared, change: str) -> None:
    await ask(Capture(("tag:late",)))
    token = await ask(Capture(("tag:a",)))
    unchanged = entry(token, "tag:a").terms.stamps
    late = ("tag:late",)
    if change == "late":
        await ask(ChangeStamps(late))
    elif change == "unchanged":
        await ask(ChangeStamps(("tag:a",)))
    elif change == "epoch":
        await ask(NewEpoch())
    else:
        late = ("tag:late", "tag:nobody-captured")

    assert await ask(Confirm(token.epoch.nonce, token.position, late, unchanged)) is None


async def test_confirm_creates_nothing(ask: Shared) -> None:
    token = await ask(Capture(("tag:a",)))
    await ask(Confirm(token.epoch.nonce, token.position, ("tag:late",), ()))

    assert (await ask(ReadShared((), ("tag:late",)))).stamps == {"tag:late": None}


async def test_patterns_are_listed_with_their_positions(ask: Shared) -> None:
    await ask(Capture(("tag:a",)))
    one = await ask(AddPattern(Glob("a:*")))
    two = await ask(AddPattern(Glob("ü?:*")))

    seen = await ask(ReadShared((), ()))
    patterns = await ask(ReadPatterns(seen.epoch))

    assert seen.epoch.pattern_position == seen.position == two.position
    assert [(p.position, p.glob.pattern) for p in patterns.items] == [
        (one.position, "a:*"),
        (two.position, "ü?:*"),
    ]
    assert (patterns.epoch, patterns.newest) == (seen.epoch.nonce, two.position)


async def test_patterns_are_capped_and_what_is_older_than_the_list_is_dead(ask: Shared) -> None:
    """The list forgets; an entry older than what it forgot can't be cleared of suspicion."""
    seen = await ask(Capture(("tag:a",)))
    old = entry(seen, "tag:a").terms
    for n in range(PATTERNS_KEPT):
        await ask(AddPattern(Glob(f"other:{n}")))
    now = (await ask(ReadShared((), ()))).epoch
    assert not (await ask(ReadPatterns(now))).kill("mine", old, now)

    for n in range(2):
        await ask(AddPattern(Glob(f"more:{n}")))

    now = (await ask(ReadShared((), ()))).epoch
    patterns = await ask(ReadPatterns(now))
    assert len(patterns.items) == PATTERNS_KEPT
    assert patterns.floor > old.position
    assert patterns.kill("mine", old, now)
    newer = entry(await ask(Capture(("tag:a",))), "tag:a").terms
    assert not patterns.kill("mine", newer, now)


async def test_a_new_epoch_is_another_nonce_and_forgets_patterns(ask: Shared) -> None:
    before = await ask(Capture(("tag:a",)))
    await ask(AddPattern(Glob("*")))

    changed = await ask(NewEpoch())

    after = await ask(ReadShared((), ()))
    assert changed.epoch == after.epoch.nonce != before.epoch.nonce
    assert after.epoch.pattern_position == 0


async def test_a_late_tag_is_storable_again_after_a_new_epoch(ask: Shared) -> None:
    """A stamp born at a high position of the last epoch does not bar its tag in the next."""
    await ask(Capture(("tag:late",)))
    for _ in range(5):
        await ask(ChangeStamps(("tag:late",)))
    await ask(NewEpoch())
    await ask(Capture(("tag:late",)))

    token = await ask(Capture(("tag:a",)))

    assert await ask(Confirm(token.epoch.nonce, token.position, ("tag:late",), ())) is not None


async def test_an_entry_is_replaced_only_while_it_is_the_same(ask: Shared) -> None:
    seen = await ask(Capture(("tag:a",)))
    old, other = entry(seen, "tag:a"), entry(seen, "tag:a", payload=b"other")
    await ask(WriteShared((("e1", old),), NOW))

    assert await ask(ReplaceShared("e1", other, old, NOW)) is False
    assert await ask(ReplaceShared("none", old, other, NOW)) is False
    assert await ask(ReplaceShared("e1", old, other, NOW)) is True
    assert (await ask(ReadShared(("e1",), ()))).entries == (other,)


async def test_scan_finds_by_pattern_up_to_a_limit(ask: Shared, namespace: str) -> None:
    seen = await ask(Capture(("tag:a",)))
    names = [f"{namespace}:list:{n}@f" for n in range(1200)]
    await ask(WriteShared(tuple((name, entry(seen)) for name in names), NOW))

    found = await ask(Scan(Glob("list:*").redis(namespace), 5000))
    some = await ask(Scan(Glob("list:*").redis(namespace), 7))

    assert sorted(found) == sorted(names)
    assert len(some) == 7
    assert await ask(Scan(Glob("other:*").redis(namespace), 10)) == ()


async def test_a_store_says_how_full_it_is(ask: Shared) -> None:
    await ask(WriteShared((("e1", entry(await ask(Capture(())))),), NOW))

    facts = await ask(Describe())

    assert isinstance(facts, Facts)
    assert facts.used_bytes
    assert facts.limit_bytes
    assert facts.entries
    assert facts.notes == ()
