"""Links to a real server for tests, and what one does with them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from fairness import now_s
from keepwarm.core.entry import Seen
from keepwarm.core.steps import (
    Capture,
    Changed,
    ChangeStamps,
    Ping,
    Renew,
    Settle,
    Step,
    Strike,
)
from keepwarm.core.times import TIMES, Times
from keepwarm.engine.answers import boot_s
from keepwarm.ports import StoreAway
from keepwarm.stores.envelope import Sealing
from keepwarm.stores.redis.aio import AsyncRedis
from keepwarm.stores.redis.settings import parse_address

A, B = "slot:000a", "slot:000b"
TIMEOUT_S = TIMES.operation_s
SLACK_S = 0.1  # two cores shared with others


@asynccontextmanager
async def linked(
    url: str, namespace: str, *, times: Times = TIMES, is_strict: bool = False
) -> AsyncIterator[AsyncRedis]:
    address = parse_address(url)
    store = AsyncRedis(
        address, namespace, Sealing(), times.operation_s, times=times, is_strict=is_strict
    )
    try:
        yield store
    finally:
        await store.aclose()


async def why_of(work: Any) -> str:
    with pytest.raises(StoreAway) as raised:
        await work
    return raised.value.why


async def until(true: Callable[[], bool], within_s: float = 5.0) -> float:
    """Return once it holds, and how long that took."""
    began = now_s()
    while not true():
        assert now_s() - began < within_s, "it never came true"
        await asyncio.sleep(0.001)
    return now_s() - began


async def back(store: AsyncRedis, within_s: float = 5.0) -> float:
    """How long until it answers again."""
    began = now_s()
    while True:
        try:
            await store.answer(Ping())
        except StoreAway:
            assert now_s() - began < within_s, "it did not come back"
            await asyncio.sleep(0.005)
        else:
            return now_s() - began


async def mirrored(store: AsyncRedis, *names: str) -> Seen:
    """Have the mirror know `names`, and what it says of them."""
    assert store.mirror is not None
    await back(store)  # connecting may take longer than an operation may
    await store.answer(ChangeStamps(names))
    deadline = now_s() + 5
    while (seen := store.mirror.seen(names, boot_s())) is None:
        assert now_s() < deadline, "the mirror never learnt them"
        await asyncio.sleep(0.01)
        await store.answer(Capture(names))
    return seen


async def vouch(store: AsyncRedis) -> None:
    """Have the registry be complete."""
    registry = (await store.answer(Renew())).registry
    await store.answer(Strike((), registry, is_whole=True))


async def settled(store: AsyncRedis, step: Step[Any]) -> tuple[Changed, float]:
    """What it changed, and how many seconds its acknowledgement took."""
    began = time.monotonic()
    changed = await store.answer(step)
    assert isinstance(changed, Changed)
    await store.answer(Settle(changed))
    return changed, time.monotonic() - began


SOON = replace(TIMES, writer_s=0.1)  # trials end soon: what is changed can be mirrored again
