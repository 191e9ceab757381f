"""What is ready to be sent is bounded, and what is in use stays."""

from typing import Any

import pytest

from asgi.stage import Reply, Stage
from keepwarm import Cache
from keepwarm.asgi.ready import MOST_RAW_VALUES

FRESH = [("Cache-Control", "max-age=600")]


@pytest.fixture
def stage() -> Stage:
    """A near tier of which a quarter holds 30 responses or so."""
    found = Stage(cache=Cache(near="400KB"))
    found.origin.default = Reply(200, FRESH)
    return found


async def test_it_keeps_within_its_bytes(stage: Stage) -> None:
    for n in range(200):
        for _ in range(2):
            await stage.ask(f"/{n}")

    ready = stage.front.desk.ready
    assert ready.used_bytes <= 100_000
    assert 10 < len(ready) < 60


async def test_what_is_asked_for_again_and_again_stays(stage: Stage) -> None:
    for n in range(200):
        await stage.ask(f"/{n}")
        await stage.ask("/hot")

    slots = stage.front.desk.ready._slots
    assert any("/hot" in name for name in slots)


async def test_what_was_let_go_is_found_again(stage: Stage) -> None:
    for _ in range(2):
        await stage.ask("/first")
    for n in range(200):
        await stage.ask(f"/{n}")
    calls = stage.calls

    answers = [await stage.ask("/first") for _ in range(3)]

    assert all(a.body == b"body 1" for a in answers) == (stage.calls == calls)
    target: Any = next(t for k, t in stage.front.desk.ready._targets.items() if k[0] == b"/first")
    assert target.slot.record is not None


async def test_spellings_of_a_varying_field_are_bounded(stage: Stage) -> None:
    stage.origin.default = Reply(200, [*FRESH, ("Vary", "accept-encoding")])
    for n in range(3 * MOST_RAW_VALUES):
        for _ in range(2):
            await stage.ask(fields=[("Accept-Encoding", "gzip" + " " * n)])

    assert stage.calls == 1
    (target,) = stage.front.desk.ready._targets.values()
    assert 0 < len(target.slot.by_values) <= MOST_RAW_VALUES
