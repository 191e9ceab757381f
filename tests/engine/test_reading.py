"""Cached functions and calls by hand: what is answered from where, and for how long."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import pytest

from engine.conftest import StillClock, waiting
from keepwarm import Cache, FillTimeout, collect, fill
from keepwarm.core.outcome import Reason


class Row(msgspec.Struct):
    id: int
    names: list[str]


@dataclass
class Table:
    """An origin that counts: which ids were asked for, call by call."""

    rows: dict[int, str]
    asked: list[list[int]]

    async def one(self, row_id: int) -> Row | None:
        self.asked.append([row_id])
        return Row(row_id, [self.rows[row_id]]) if row_id in self.rows else None

    async def many(self, row_ids: list[int]) -> dict[int, Row]:
        self.asked.append(list(row_ids))
        return {i: Row(i, [self.rows[i]]) for i in row_ids if i in self.rows}


@pytest.fixture
def table() -> Table:
    return Table({n: f"name {n}" for n in range(10)}, [])


TERMS = {"key": "row:{row_id}", "tags": ["row:{row_id}"], "ignore": ["self"]}


async def test_a_call_is_answered_once_from_the_origin_then_from_a_tier(
    cache: Cache, table: Table
) -> None:
    row = cache("plain", key="row:{row_id}", tags=["row:{row_id}"])(table.one)
    with collect() as outcomes:
        assert await row(1) == await row(1) == Row(1, ["name 1"])

    assert table.asked == [[1]]
    assert [o.hit for o in outcomes] == [False, True]
    assert [o.reason for o in outcomes] == [Reason.FILLED, Reason.FRESH]
    assert outcomes[0].stored
    assert outcomes[1].tags == ("row:1",)


async def test_callers_never_share_a_mutable_value(cache: Cache, table: Table) -> None:
    """Neither with each other nor with the cache, not even the callers of one flight."""
    row = cache("plain", key="row:{row_id}")(table.one)
    answers = await asyncio.gather(*(row(1) for _ in range(3)))
    answers.append(await row(1))
    for answer in answers:
        assert answer is not None
        assert answer.names == ["name 1"]
        answer.names.append("mine")

    again = await row(1)
    assert again is not None
    assert again.names == ["name 1"]


async def test_handles_look_put_refresh_and_invalidate(cache: Cache, table: Table) -> None:
    row = cache("plain", key="row:{row_id}", tags=["row:{row_id}"])(table.one)
    assert row.key(1) == "row:1"
    assert await row.peek(1) is None
    await row(1)
    table.rows[1] = "new"
    assert (await row.peek(1)) == Row(1, ["name 1"])
    assert (await row.uncached(1)) == Row(1, ["new"])
    assert (await row.refresh(1)) == Row(1, ["new"])
    assert (await row(1)) == Row(1, ["new"])
    assert "tags row:1 current" in await row.explain(1)
    assert await row.put(Row(1, ["put"]), 1)
    assert (await row(1)) == Row(1, ["put"])
    ack = await row.invalidate(1)
    assert ack.what == ("row:1",)
    assert (await row(1)) == Row(1, ["new"])
    assert (await row.explain(7)).startswith("miss")


async def test_methods_are_cached_without_their_self(cache: Cache, table: Table) -> None:
    class Repository:
        @cache("plain", key="row:{row_id}", ignore=["self"])
        async def row(self, row_id: int) -> Row | None:
            return await table.one(row_id)

    assert await Repository().row(1) == await Repository().row(1)
    assert table.asked == [[1]]


async def test_a_batch_shares_entries_with_the_function_of_one(cache: Cache, table: Table) -> None:
    """What one filled the other finds; all that is missing is asked in one call."""
    terms = {"key": "row:{row_id}", "tags": ["row:{row_id}"], "none": "absent"}
    row = cache("plain", **terms)(table.one)  # type: ignore[arg-type]
    rows = cache.batch("plain", **terms)(table.many)  # type: ignore[arg-type]
    await row(1)
    found = await rows([3, 1, 2, 99, 3])
    assert list(found) == [3, 1, 2]
    assert table.asked == [[1], [3, 2, 99]]

    table.asked.clear()
    assert await row(2) == Row(2, ["name 2"])
    assert await row(99) is None
    assert await rows([1, 2, 3, 99]) == {i: Row(i, [f"name {i}"]) for i in (1, 2, 3)}
    assert table.asked == []
    await cache.invalidate("row:2")
    await rows([1, 2, 3])
    assert table.asked == [[2]]


async def test_negative_answers_live_by_their_own_policy(
    cache: Cache, table: Table, clock: StillClock
) -> None:
    row = cache("plain", key="row:{row_id}", tags=["row:{row_id}"], none="absent")(table.one)
    assert [await row(99), await row(99)] == [None, None]
    assert len(table.asked) == 1
    clock.advance(21)
    assert await row(99) is None
    assert len(table.asked) == 2
    table.rows[99] = "born"
    await cache.invalidate("row:99")
    assert await row(99) == Row(99, ["born"])


async def test_fill_names_tags_policy_or_skips(cache: Cache, clock: StillClock) -> None:
    calls: list[str] = []

    @cache("plain", key="f:{kind}")
    async def call(kind: str) -> str:
        calls.append(kind)
        if kind == "tag":
            fill.tag("late:1", "late")
        if kind == "policy":
            fill.policy("absent")
        if kind == "skip":
            fill.skip()
        return kind

    for kind in ("tag", "policy", "skip", "tag", "policy", "skip"):
        await call(kind)
    assert calls.count("policy") == 1
    assert calls.count("skip") == 2
    # In a store outside a late tag's stamp must have been there before: a first fill creates it.
    filled = calls.count("tag")
    assert filled <= 2
    await call("tag")
    assert calls.count("tag") == filled
    await cache.invalidate("late:1")
    await call("tag")
    assert calls.count("tag") == filled + 1
    clock.advance(21)
    await call("policy")
    assert calls.count("policy") == 2


async def test_when_and_the_switch_send_calls_to_the_origin(cache: Cache, table: Table) -> None:
    row = cache("plain", key="row:{row_id}", when=lambda row_id: row_id != 1)(table.one)
    with collect() as outcomes:
        await row(1)
        await row(1)
        await row(2)
        await row(2)
    assert table.asked == [[1], [1], [2]]
    assert outcomes[0].reason is Reason.CONDITION

    cache.enabled = False
    table.rows[2] = "new"
    with collect() as outcomes:
        assert await row(2) == Row(2, ["new"])
        assert await row.peek(2) is None
        assert await row.refresh(2) == Row(2, ["new"])
        assert await row.put(Row(2, ["put"]), 2) is False
        assert await cache.set("k", 1, "plain") is False
        assert await cache.get("k", "default") == "default"
        assert await cache.get_or_set("k", lambda: 5, "plain") == 5
    assert outcomes[0].reason is Reason.DISABLED
    await cache.invalidate("whatever")  # carried out also while off
    cache.enabled = True
    assert await row(2) == Row(2, ["new"]), "the put ended what was there"


async def test_by_hand(cache: Cache) -> None:
    assert await cache.get("k", "default") == "default"
    assert await cache.set("k", {"a": [1, "x"]}, "plain", tags=["t"])
    assert await cache.get("k") == {"a": [1, "x"]}
    assert await cache.set_many({"k1": 1, "k2": 2}, "plain", tags=["t"])
    assert await cache.get_many(["k1", "none", "k2"]) == {"k1": 1, "k2": 2}
    assert await cache.get_or_set("k1", lambda: 99, "plain") == 1
    await cache.delete("k1")
    assert await cache.get("k1") is None
    assert await cache.get_or_set("k1", lambda: 99, "plain") == 99
    await cache.invalidate("t")
    assert await cache.get_many(["k", "k1", "k2"]) == {"k1": 99}
    await cache.set("list:1", b"raw", "plain")
    preview = await cache.invalidate_pattern("list:*", dry_run=True)
    assert preview.matched == ("list:1",)
    assert await cache.get("list:1") == b"raw"
    await cache.invalidate_pattern("list:*")
    assert await cache.get("list:1") is None
    assert await cache.get("k1") == 99
    await cache.clear()
    assert await cache.get("k1") is None


async def test_touch_begins_the_lifetime_anew(cache: Cache, clock: StillClock) -> None:
    await cache.set("k", 1, "plain")
    clock.advance(200)
    assert await cache.touch("k", "plain")
    clock.advance(200)
    assert await cache.get("k") == 1
    assert await cache.touch("none", "plain") is False
    clock.advance(301)
    assert await cache.get("k") is None


async def test_a_value_is_fresh_until_its_ttl_and_not_longer(
    cache: Cache, table: Table, clock: StillClock
) -> None:
    row = cache("plain", key="row:{row_id}")(table.one)
    await row(1)
    clock.advance(299)
    await row(1)
    assert len(table.asked) == 1
    clock.advance(2)
    await row(1)
    assert len(table.asked) == 2


async def test_jitter_only_shortens_a_lifetime(cache: Cache, clock: StillClock) -> None:
    """Entries filled together do not expire together, and none lives beyond its ttl."""
    with collect() as outcomes:
        for n in range(40):
            await cache.get_or_set(f"k{n}", lambda: 1, "jittered")
    left = [o.ttl_s for o in outcomes]
    assert 50 <= min(left) < max(left) <= 100
    assert len({round(s) for s in left}) > 5


async def test_stale_while_revalidate_answers_at_once_and_refreshes_once(
    cache: Cache, clock: StillClock
) -> None:
    calls, gate = [], asyncio.Event()

    @cache("revalidate", key="k")
    async def value() -> int:
        calls.append(1)
        if len(calls) > 1:
            await gate.wait()
        return len(calls)

    assert await value() == 1
    clock.advance(61)
    with collect() as outcomes:
        assert [await value() for _ in range(10)] == [1] * 10
    assert all(o.stale and o.reason is Reason.REVALIDATING for o in outcomes)
    gate.set()
    while await value() != 2:
        await asyncio.sleep(0.001)
    assert len(calls) == 2
    clock.advance(121)
    assert await value() == 3


async def test_stale_if_error_answers_when_the_origin_fails_and_only_so_long(
    cache: Cache, clock: StillClock
) -> None:
    fails = False

    @cache("on-error", key="k", tags=["t"])
    async def value() -> str:
        if fails:
            raise ValueError("origin down")
        return "good"

    await value()
    fails = True
    clock.advance(61)
    with collect() as outcomes:
        assert await value() == "good"
    assert outcomes[0].reason is Reason.ORIGIN_FAILED
    await cache.invalidate("t")  # an acknowledged invalidation outranks any window
    with pytest.raises(ValueError, match="origin down"):
        await value()


async def test_stale_if_error_ends(cache: Cache, clock: StillClock) -> None:
    fails = False

    @cache("on-error", key="k")
    async def value() -> str:
        if fails:
            raise ValueError("origin down")
        return "good"

    await value()
    fails = True
    clock.advance(3661)
    with pytest.raises(ValueError, match="origin down"):
        await value()


async def test_a_slow_origin_is_bridged_by_the_stale_value(cache: Cache, clock: StillClock) -> None:
    """After the soft timeout the caller goes with the stale value; the fill goes on."""
    calls, gate = [], asyncio.Event()

    @cache("soft", key="k")
    async def value() -> int:
        calls.append(1)
        if len(calls) > 1:
            await gate.wait()
        return len(calls)

    assert await value() == 1
    clock.advance(61)
    with collect() as outcomes:
        assert await value() == 1
    assert outcomes[0].reason is Reason.ORIGIN_SLOW
    gate.set()
    while await value() != 2:
        await asyncio.sleep(0.001)
    assert len(calls) == 2


async def test_a_caller_waits_no_longer_than_the_hard_timeout_and_the_fill_goes_on(
    cache: Cache,
) -> None:
    gate, calls = asyncio.Event(), []

    @cache("hard", key="k")
    async def value() -> int:
        calls.append(1)
        await gate.wait()
        return 7

    with pytest.raises(FillTimeout):
        await value()
    gate.set()
    while await value.peek() is None:
        await asyncio.sleep(0.001)
    assert await value() == 7
    assert len(calls) == 1


async def test_exceptions_reach_every_waiter_and_are_never_cached(cache: Cache) -> None:
    calls, gate = [], asyncio.Event()

    @cache("plain", key="k")
    async def value() -> int:
        calls.append(1)
        await gate.wait()
        raise LookupError("no such row")

    callers = [asyncio.ensure_future(value()) for _ in range(5)]
    await waiting(cache, 5)
    gate.set()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(a) for a in answers] == [LookupError] * 5
    with pytest.raises(LookupError):
        await value()
    assert len(calls) == 2


async def test_too_large_and_unencodable_values_are_returned_unstored(cache: Cache) -> None:
    @cache("small", key="big")
    async def big() -> str:
        return "x" * 1000

    @cache("plain", key="wrong")
    async def wrong() -> int:
        return "not a number"  # type: ignore[return-value]

    with collect() as outcomes:
        assert [await big(), await big()] == ["x" * 1000] * 2
        assert [await wrong(), await wrong()] == ["not a number"] * 2
    assert [o.reason for o in outcomes] == [Reason.TOO_LARGE] * 2 + [Reason.UNENCODABLE] * 2


async def test_another_type_under_the_same_key_is_a_miss(make: Callable[..., Cache]) -> None:
    """A deploy that changes a type neither crashes on old entries nor misreads them."""

    async with make() as cache:

        @cache("plain", key="k", tags=["t"])
        async def old() -> int:
            return 1

        @cache("plain", key="k", tags=["t"])
        async def new() -> list[str]:
            return ["a"]

        assert await old() == 1
        assert await new() == ["a"]
        assert await old() == 1
