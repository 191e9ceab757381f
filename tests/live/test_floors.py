"""A browser knows of every response it holds whether it is out of date, whatever the order.

Readers, writers and a listening browser, with pauses drawn by a seed. When all is quiet, a
response that does not show what the table has must be one that the browser knows to be out
of date. Rules that are not the ones we keep must be caught by the same play.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from asgi.stage import ask
from keepwarm import HTTPCache, LiveHeaders, Shared
from keepwarm.core.outcome import Outcome
from keepwarm.engine.hearing import Hearing, Place
from keepwarm.live.channel import Channel
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.servers import valkey
from live.stage import SECRET, Browser, Held, Site, Table, held, opened

PATHS = ("/rows/1", "/rows/2", "/pages/0/4", "/sums/0/4")
ROUTES = ("GET /rows/{number}", "GET /pages/{first}/{last}", "GET /sums/{first}/{last}")
SHARED = Shared(ttl="5m", stale_while_revalidate="1h")
READERS, READS = 4, 25
WRITERS, WRITES = 2, 15


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with valkey() as server:
        yield server


@pytest.fixture(params=["strict", "validate", "kept"])
async def sites(
    server: EmbeddedServer, request: pytest.FixtureRequest
) -> AsyncIterator[list[Site]]:
    """Two processes' worth of the app, on one store and one table; `kept`: responses are, too."""
    coherence = "validate" if request.param == "validate" else "strict"
    async with AsyncExitStack() as stack:
        name = f"floors-{random.getrandbits(40):x}"
        one = await stack.enter_async_context(
            opened(server.url, namespace=name, coherence=coherence)
        )
        two = await stack.enter_async_context(
            opened(server.url, namespace=name, coherence=coherence, site={"table": one.table})
        )
        if request.param == "kept":
            for site in (one, two):
                kept = HTTPCache(site.app, site.cache, routes=dict.fromkeys(ROUTES, SHARED))
                site.front = LiveHeaders(kept, site.cache, secret=SECRET)
        yield [one, two]


@pytest.fixture
async def alone() -> AsyncIterator[list[Site]]:
    async with opened() as site:
        yield [site]


class Play:
    """One play of one seed."""

    def __init__(self, sites: list[Site], seed: int) -> None:
        self.sites, self.dice = sites, random.Random(seed)
        self.table: Table = sites[0].table
        self.browser = Browser()
        self.held: list[Held] = []
        self.hops = 0
        self.number = 0
        self.table.after_read = self.pause

    async def pause(self) -> None:
        for _ in range(self.dice.choice((0, 0, 1, 3, 10))):
            await asyncio.sleep(0)
        if self.dice.random() < 0.2:
            await asyncio.sleep(self.dice.random() / 500)

    async def reader(self) -> None:
        for _ in range(READS):
            site, path = self.dice.choice(self.sites), self.dice.choice(PATHS)
            self.held.append(held(await ask(site.front, path), path))
            await self.pause()

    async def writer(self) -> None:
        for _ in range(WRITES):
            cache = self.dice.choice(self.sites).cache
            self.number += 1
            row, value = self.dice.randrange(4), self.number
            match self.dice.choice(("tag", "tag", "writing", "writing", "key", "pattern", "clear")):
                case "tag":
                    self.table.rows[row] = value
                    await self.pause()
                    await cache.invalidate(f"row:{row}")
                case "writing":
                    async with cache.writing(f"row:{row}") as writing:
                        await self.pause()
                        await writing.check()
                        self.table.rows[row] = value
                        await self.pause()
                case "key":
                    self.table.rows[row] = value
                    await cache.invalidate(f"row:{row}")
                    await cache.invalidate_key(f"row:{row}")
                case "pattern":
                    self.table.rows[row] = value
                    await cache.invalidate_pattern("*")
                case _ if self.dice.random() < 0.3:
                    self.table.rows[row] = value
                    await cache.clear()
            await self.pause()

    async def listen(self, channel: Channel) -> None:
        client = channel.client(None)
        while True:
            self.browser.heard(json.loads((await client.next(0.05)).text))

    async def run(self) -> list[Held]:
        """The responses that are out of date, and not known to be."""
        listens = self.dice.choice(self.sites)
        channel = Channel(
            listens.channel._hearing, listens.channel._signs, gather_s=0.005, spread_s=0.01
        )
        while not channel._heard.epoch:
            await asyncio.sleep(0.01)
        listening = asyncio.ensure_future(self.listen(channel))
        await asyncio.sleep(0)
        acting = [self.reader() for _ in range(READERS)] + [self.writer() for _ in range(WRITERS)]
        await asyncio.gather(*acting)
        last = await self.sites[0].cache.invalidate("the-end")
        sign = channel._signs.incarnation(last.epoch)
        async with asyncio.timeout(20):
            while self.browser.incarnation != sign or self.browser.highest < last.position:
                await asyncio.sleep(0.005)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        channel.close()
        old = [h for h in self.held if h.value != self.now(h.path)]
        return [h for h in old if not self.browser.is_stale(h)]

    def now(self, path: str) -> Any:
        rows = [self.table.rows[n] for n in range(4)]
        match path:
            case "/pages/0/4":
                return rows
            case "/sums/0/4":
                return sum(rows)
            case _:
                return rows[int(path.rpartition("/")[2])]

    @property
    def unfounded(self) -> float:
        """The part of the responses that are as the table and yet held to be out of date."""
        same = [h for h in self.held if h.value == self.now(h.path)]
        return sum(map(self.browser.is_stale, same)) / len(same) if same else 0.0


@pytest.mark.parametrize("seed", range(6))
async def test_no_response_is_out_of_date_unknown_alone(alone: list[Site], seed: int) -> None:
    assert await Play(alone, seed).run() == []


@pytest.mark.parametrize("seed", range(5))
async def test_no_response_is_out_of_date_unknown_with_two_processes(
    sites: list[Site], seed: int
) -> None:
    assert await Play(sites, seed).run() == []


@pytest.mark.more
@pytest.mark.parametrize("seed", range(100, 140))
async def test_no_response_is_out_of_date_unknown_in_many_plays(
    sites: list[Site], seed: int
) -> None:
    assert await Play(sites, seed).run() == []


async def test_what_is_read_when_all_is_quiet_is_not_doubted(sites: list[Site]) -> None:
    """Else a browser would ask again and again for what it has."""
    play = Play(sites, 1)
    await play.run()
    for site in sites:
        for path in PATHS:
            await ask(site.front, path)
    for site in sites:
        for path in PATHS:
            last = held(await ask(site.front, path), path)
            assert last.value == play.now(path)
            assert not play.browser.is_stale(last), path


class ClaimsThePresent(Hearing):
    """A response is as new as the moment it begins: nothing is compared."""

    def vouched(self, outcome: Outcome, began: Place) -> Place:
        return self.here


class CountsOnlyTheStored(LiveHeaders):
    """A value that was not stored names nothing: it takes no part."""

    def _read(self, outcomes: Any, began: Place) -> list[tuple[bytes, bytes]]:
        return super()._read([o for o in outcomes if o.stamps is not None], began) or [
            *self._fields(self._hearing.here, ())
        ]


def claims_the_present(site: Site) -> Any:
    front = LiveHeaders(site.app, site.cache, secret=SECRET)
    front._hearing = ClaimsThePresent(site.cache)
    return front


def counts_only_the_stored(site: Site) -> Any:
    return CountsOnlyTheStored(site.app, site.cache, secret=SECRET)


@pytest.mark.parametrize("mutant", [claims_the_present, counts_only_the_stored])
async def test_other_rules_are_caught(alone: list[Site], mutant: Any) -> None:
    alone[0].front = mutant(alone[0])
    for seed in range(40):
        if await Play(alone, seed).run():
            return
    pytest.fail("no play caught it")
