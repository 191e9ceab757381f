"""What has been renewed, widened or completed ends with what it was made of, and tells of it."""

from collections.abc import Sequence
from typing import Any

import pytest

from asgi.stage import Clock, FieldLike, Reply, Stage, ask
from keepwarm import Cache, Policy, Shared
from keepwarm.engine.hearing import Hearing
from keepwarm.live.headers import LiveHeaders

TAG = ("ETag", '"v"')
SHORT, FRESH = ("Cache-Control", "max-age=2"), ("Cache-Control", "max-age=600")
FIRST_HALF = Reply(206, [FRESH, TAG, ("Content-Range", "bytes 0-4/10")], b"01234")
SECOND_HALF = Reply(206, [FRESH, TAG, ("Content-Range", "bytes 5-9/10")], b"56789")


def bytes_of(span: str) -> list[FieldLike]:
    return [("Range", f"bytes={span}")]


class Made:
    """A page whose handler reads `character(5)` the first time it is asked, and never again."""

    def __init__(self) -> None:
        clock = Clock()
        cache = Cache(policies={"d": Policy("10m", jitter=0)}, clock=clock)
        self.stage = Stage(cache, clock)

        @cache("d", key="character:{number}", tags=["character:{number}"])
        async def character(number: int) -> str:
            return "c"

        self.character: Any = character
        self.stage.origin.before = self._before
        self.before_confirming: Any = None

    async def _before(self) -> None:
        if self.stage.calls == 1:
            await self.character(5)
        elif self.before_confirming is not None:
            await self.before_confirming()

    @property
    def cache(self) -> Any:
        return self.stage.cache

    async def renew(self, how: str) -> bool:
        """Have the origin say something new of what is stored; whether that answers now."""
        ask, advance = self.stage.ask, self.stage.clock.advance
        if how in ("widened", "completed"):
            await ask(fields=bytes_of("0-4"), reply=FIRST_HALF)
            fields = bytes_of("5-9") if how == "widened" else []
            await ask(fields=fields, reply=SECOND_HALF)
            return (await ask(fields=bytes_of("0-9"))).is_hit
        await ask(reply=Reply(200, [SHORT, TAG]))
        advance(3)
        if how == "HEAD":
            await ask(method="HEAD", reply=Reply(200, [FRESH, TAG]))
        else:
            await ask(reply=Reply(304, [FRESH, TAG]))
        return (await ask()).is_hit


@pytest.mark.parametrize("how", ["304", "HEAD", "widened", "completed"])
@pytest.mark.parametrize("ends", ["tag", "pattern", "key"])
async def test_what_was_renewed_ends_with_what_it_was_made_of(how: str, ends: str) -> None:
    made = Made()
    assert await made.renew(how)

    match ends:
        case "tag":
            await made.cache.invalidate("character:5")
        case "pattern":
            await made.cache.invalidate_pattern("character:*")
        case _:
            await made.cache.invalidate_key("character:5")

    calls = made.stage.calls
    assert not (await made.stage.ask(reply=Reply(200, [FRESH]))).is_hit
    assert made.stage.calls == calls + 1


async def test_what_ended_while_it_was_confirmed_is_not_stored_again() -> None:
    made = Made()
    await made.stage.ask(reply=Reply(200, [SHORT, TAG]))
    made.stage.clock.advance(3)

    async def end() -> None:
        await made.cache.invalidate("character:5")

    made.before_confirming = end
    await made.stage.ask(reply=Reply(304, [FRESH, TAG]))
    made.before_confirming = None

    assert not (await made.stage.ask(reply=Reply(200, [FRESH]))).is_hit


async def test_a_softly_ended_response_is_fresh_once_it_is_confirmed() -> None:
    made = Made()
    await made.stage.ask(reply=Reply(200, [FRESH, TAG]))
    await made.cache.invalidate("character:5", then="stale")

    told = (await made.stage.ask(reply=Reply(304, [FRESH, TAG]))).told

    assert "fwd-status=304" in told
    assert (await made.stage.ask()).is_hit


async def test_a_renewed_response_is_no_less_current_than_its_new_lifetime() -> None:
    made = Made()
    await made.stage.ask(reply=Reply(200, [SHORT, TAG]))
    for _ in range(3):
        made.stage.clock.advance(3)
        await made.stage.ask(reply=Reply(304, [SHORT, TAG]))
        calls = made.stage.calls
        assert (await made.stage.ask()).is_hit
        assert made.stage.calls == calls


@pytest.mark.parametrize("fields", [[], [("Cache-Groups", '"g"')]], ids=["silent", "named again"])
async def test_what_was_renewed_is_still_of_its_groups(fields: Sequence[FieldLike]) -> None:
    stage = Stage()
    ends = Reply(200, [("Cache-Group-Invalidation", '"g"')])
    for path in ("/other", "/page", "/page"):  # the first that names a tag late is not stored
        await stage.ask(path, reply=Reply(200, [SHORT, TAG, ("Cache-Groups", '"g"')]))
    stage.clock.advance(3)
    await stage.ask(reply=Reply(304, [FRESH, TAG, *fields]))
    assert (await stage.ask()).is_hit

    await stage.ask("/other", method="POST", reply=ends)

    assert not (await stage.ask(reply=Reply(200, [FRESH]))).is_hit


async def test_what_joins_a_group_by_a_304_ends_with_it() -> None:
    stage = Stage()
    for path in ("/other", "/else"):  # so that the tag is known
        await stage.ask(path, reply=Reply(200, [FRESH, ("Cache-Groups", '"g"')]))
    await stage.ask(reply=Reply(200, [SHORT, TAG]))
    for _ in range(2):
        stage.clock.advance(3)
        await stage.ask(reply=Reply(304, [SHORT, TAG, ("Cache-Groups", '"g"')]))
    assert (await stage.ask()).is_hit

    await stage.ask("/x", method="POST", reply=Reply(200, [("Cache-Group-Invalidation", '"g"')]))

    assert not (await stage.ask(reply=Reply(200, [FRESH]))).is_hit


class Shown:
    """A page made of `version` and `character`, whose ETag knows only of the first."""

    def __init__(self) -> None:
        clock = Clock()
        self.cache: Any = Cache(policies={"d": Policy("10m", jitter=0)}, clock=clock)
        routes = {"GET /page": Shared(ttl="2s")}
        self.stage = Stage(self.cache, clock, routes=routes, declared_only=True)
        self.live = LiveHeaders(self.stage.front, self.cache, secret="s" * 32)
        self.before_confirming: Any = None

        @self.cache("d", key="v", tags=["version"])
        async def version() -> str:
            return "1"

        @self.cache("d", key="c", tags=["character"])
        async def character() -> str:
            return "old"

        async def before() -> None:
            await version()
            if self.stage.calls == 1:
                await character()
            elif self.before_confirming is not None:
                await self.before_confirming()

        self.stage.origin.before = before

    async def ask(self, reply: Reply | None = None) -> tuple[int, set[str]]:
        """Up to where the answer has seen every change, and what it depends on."""
        if reply is not None:
            self.stage.origin.replies = [reply]
        answer = await ask(self.live)
        position = answer.get("keepwarm-position") or ""
        labels = answer.get("keepwarm-tags") or ""
        assert position
        return int(position.split(".")[1]), set(labels.split())


async def test_an_answer_by_a_304_depends_on_what_it_shows() -> None:
    shown = Shown()
    await shown.ask(Reply(200, [TAG]))
    _, on = await shown.ask()
    shown.stage.clock.advance(4)

    _, by_304 = await shown.ask(Reply(304, [TAG]))
    _, by_hit = await shown.ask()

    assert by_304 >= on
    assert by_hit >= on


async def test_an_answer_by_a_304_has_seen_no_more_than_what_it_shows() -> None:
    """1. the origin is asked   2. what the page is made of ends   3. it says 304."""
    shown = Shown()
    await shown.ask(Reply(200, [TAG]))
    shown.stage.clock.advance(4)

    async def end() -> None:
        await shown.cache.invalidate("character")

    shown.before_confirming = end
    seen, _ = await shown.ask(Reply(304, [TAG]))

    assert seen < Hearing(shown.cache).here.position


async def test_an_answer_that_was_confirmed_has_seen_what_was_before() -> None:
    """Else a browser that waits for a change it heard of would ask for ever."""
    shown = Shown()
    await shown.ask(Reply(200, [TAG]))
    await shown.cache.invalidate("character", then="stale")
    ended = Hearing(shown.cache).here.position

    seen, _ = await shown.ask(Reply(304, [TAG]))

    assert seen >= ended
