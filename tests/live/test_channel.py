"""What clients are told: changes since where they are, once, in order; else to reset."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from keepwarm.core.heard import Heard
from keepwarm.core.mirror import Told
from keepwarm.core.stamps import stamp_of_tag
from keepwarm.core.times import Times
from keepwarm.engine.hearing import Hearing
from keepwarm.live import channel as channels
from keepwarm.live.app import LABEL_KEY
from keepwarm.live.channel import MOST_TOLD, Channel, Client
from keepwarm.live.signs import Signs
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.servers import valkey
from live.stage import SECRET, Browser, Site, opened, position


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with opened() as site:
        yield site


def made(site: Site, **settings: Any) -> Channel:
    """A channel that resets without delay."""
    hearing = Hearing(site.cache)
    signs = Signs(hearing.key(LABEL_KEY, SECRET), hearing.namespace)
    return Channel(hearing, signs, dice=lambda: 0.0, **settings)


@pytest.fixture
async def channel(site: Site) -> AsyncIterator[Channel]:
    found = made(site)
    yield found
    found.close()


async def next_of(client: Client) -> dict[str, Any]:
    """The next message that is no heartbeat."""
    async with asyncio.timeout(20):
        while True:
            message: dict[str, Any] = json.loads((await client.next(5.0)).text)
            if "beat" not in message:
                return message


def label(channel: Channel, tag: str) -> str:
    return channel._signs.label(stamp_of_tag(tag))


async def test_the_first_message_without_a_cursor_is_the_present(channel: Channel) -> None:
    first = json.loads((await channel.client(None).next(60.0)).text)

    assert first == {"seq": channel.message().seq, "beat": True}


async def test_a_client_hears_what_is_invalidated(site: Site, channel: Channel) -> None:
    client = channel.client(None)
    ack = await site.cache.invalidate("row:1", "row:2")
    message = await next_of(client)

    assert message["tags"] == [label(channel, "row:1"), label(channel, "row:2")]
    assert position(message["seq"])[1] == ack.position


async def test_a_burst_is_one_message(site: Site, channel: Channel) -> None:
    client = channel.client(None)
    for n in range(20):
        await site.cache.invalidate(f"row:{n}")
    message = await next_of(client)

    assert len(message["tags"]) == 20
    assert "beat" in json.loads((await client.next(0.0)).text)


async def test_every_client_gets_the_same_bytes(site: Site, channel: Channel) -> None:
    """They are encoded once, however many there are."""
    clients = [channel.client(None) for _ in range(3)]
    for client in clients:
        await client.next(0.0)
    await site.cache.invalidate("row:1")
    messages = await asyncio.gather(*(client.next(5.0) for client in clients))

    assert len({id(message.text) for message in messages}) == 1


async def test_a_client_resumes_where_it_was(site: Site, channel: Channel) -> None:
    first = channel.client(None)
    await site.cache.invalidate("row:1")
    heard = await next_of(first)
    for n in (2, 3):
        await site.cache.invalidate(f"row:{n}")
        await next_of(first)
    again = await next_of(channel.client(heard["seq"]))

    assert again["tags"] == [label(channel, "row:2"), label(channel, "row:3")]


async def test_who_has_missed_nothing_is_told_so(site: Site, channel: Channel) -> None:
    first = channel.client(None)
    await site.cache.invalidate("row:1")
    heard = await next_of(first)

    assert "beat" in json.loads((await channel.client(heard["seq"]).next(60.0)).text)


@pytest.mark.parametrize("cursor", ["", "x", "a.b", "a.1.b", "..", "a." + "9" * 40 + ".b", "é.1.é"])
@pytest.mark.security("Admin: live, positions are signed")
async def test_a_cursor_that_is_none_of_ours_resets(channel: Channel, cursor: str) -> None:
    assert (await next_of(channel.client(cursor)))["reset"]


@pytest.mark.security("Admin: live, positions are signed")
async def test_a_forged_cursor_resets(site: Site, channel: Channel) -> None:
    client = channel.client(None)
    await site.cache.invalidate("row:1")
    incarnation, n, mac = (await next_of(client))["seq"].split(".")

    assert (await next_of(channel.client(f"{incarnation}.{int(n) + 1}.{mac}")))["reset"]
    others = Signs(b"k" * 32, "test").position(channel.epoch, int(n))
    assert (await next_of(channel.client(others)))["reset"]


async def test_a_cursor_of_another_epoch_resets(site: Site, channel: Channel) -> None:
    client = channel.client(None)
    await site.cache.invalidate("row:1")
    seq = (await next_of(client))["seq"]
    await site.cache.clear()

    reset = await next_of(client)
    assert reset["reset"]
    assert position(reset["seq"])[0] != position(seq)[0]
    assert (await next_of(channel.client(seq)))["reset"]


async def test_a_cursor_before_the_log_resets(
    site: Site, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "MOST_KEPT", 3)
    client = channel.client(None)
    seqs = []
    for n in range(5):
        await site.cache.invalidate(f"row:{n}")
        seqs.append((await next_of(client))["seq"])

    assert (await next_of(channel.client(seqs[0])))["reset"]
    assert len((await next_of(channel.client(seqs[1])))["tags"]) == 3


async def test_who_missed_too_much_resets(site: Site, channel: Channel) -> None:
    client = channel.client(None)
    await client.next(0.0)
    stamps = [f"each:{n}" for n in range(MOST_TOLD + 50)]
    await site.cache.invalidate(*stamps)

    assert (await next_of(client))["reset"]


async def test_a_pattern_resets(site: Site, channel: Channel) -> None:
    client = channel.client(None)
    await client.next(0.0)
    ack = await site.cache.invalidate_pattern("row:*")
    message = await next_of(client)

    assert message["reset"]
    assert position(message["seq"])[1] == ack.position


async def test_a_change_from_another_thread_is_told(site: Site, channel: Channel) -> None:
    client = channel.client(None)
    await client.next(0.0)

    def work() -> None:
        with site.cache.blocking() as cache:
            cache.invalidate("row:1")

    await asyncio.to_thread(work)

    assert (await next_of(client))["tags"] == [label(channel, "row:1")]


async def test_a_quiet_stream_beats(channel: Channel) -> None:
    client = channel.client(None)
    await client.next(0.0)

    assert "beat" in json.loads((await client.next(0.01)).text)


async def test_a_thousand_resets_are_spread(site: Site) -> None:
    """Each client has a moment of its own within two seconds."""
    rolls = iter(n / 1000 for n in range(1000))
    hearing = Hearing(site.cache)
    signs = Signs(hearing.key(LABEL_KEY, SECRET), hearing.namespace)
    channel = Channel(hearing, signs, dice=lambda: next(rolls), spread_s=0.4)
    clients = [channel.client(None) for _ in range(1000)]
    for client in clients:
        await client.next(0.0)
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def reset(client: Client) -> float:
        assert (await next_of(client))["reset"]
        return loop.time() - began

    waits = [asyncio.ensure_future(reset(client)) for client in clients]
    await asyncio.sleep(0)
    await site.cache.clear()
    took = sorted(await asyncio.gather(*waits))
    channel.close()

    assert took[100] - took[0] < took[900] - took[0]
    assert took[999] - took[0] > 0.3


# Writers.


async def test_a_writer_is_told_when_he_leaves(site: Site, channel: Channel) -> None:
    client = channel.client(None)
    await client.next(0.0)
    async with site.cache.writing("row:1"):
        assert "beat" in json.loads((await client.next(0.1)).text)

    assert (await next_of(client))["tags"] == [label(channel, "row:1")]


@pytest.fixture(scope="module")
def server() -> Any:
    with valkey() as server:
        yield server


async def test_what_a_killed_writer_may_have_committed_is_told(server: EmbeddedServer) -> None:
    """1. enter   2. a page loads   3. commit, kill   4. the mark lapses: it is told"""
    times = Times(writer_s=0.5)
    async with (
        opened(server.url, namespace="killed", times=times) as site,
        opened(server.url, namespace="killed", times=times) as other,
    ):
        channel = made(site, lapse_s=0.6)
        before = await site.hold("/rows/1")
        client = channel.client(None)
        browser = Browser()
        browser.heard(json.loads((await client.next(0.0)).text))
        writing = other.cache.writing("row:1")
        await writing.__aenter__()
        beside = await site.hold("/rows/1")
        site.table.rows[1] = 1
        _kill(other)
        while "tags" not in (message := await next_of(client)):
            browser.heard(message)
        browser.heard(message)

        assert browser.is_stale(before)
        assert browser.is_stale(beside)
        after = await site.hold("/rows/1")
        assert (after.value, browser.is_stale(after)) == (1, False)
        again = channel.client(channel._signs.position(channel.epoch, channel.n))
        assert label(channel, "row:1") in (await next_of(again))["tags"]  # it may not know yet
        channel.close()
        writing._loop = None


async def test_a_writer_who_stays_long_is_not_told_before_he_leaves(
    server: EmbeddedServer,
) -> None:
    async with opened(server.url, namespace="long", times=Times(writer_s=0.5)) as site:
        channel = made(site, lapse_s=0.05)
        client = channel.client(None)
        while not channel.epoch:
            await client.next(0.05)
        await client.next(0.0)
        async with site.cache.writing("row:1"):
            for _ in range(4):
                assert "beat" in json.loads((await client.next(0.1)).text)
        assert (await next_of(client))["tags"] == [label(channel, "row:1")]
        channel.close()


def _kill(site: Site) -> None:
    """End a process's part in the protocol without a word, as a kill does."""
    driver = site.cache._driver
    assert driver is not None
    driver._shared.abandon()  # type: ignore[union-attr]
    link: Any = driver._shared._link  # type: ignore[union-attr]
    link._beating.cancel()


# Hearing.


class Ear:
    def __init__(self) -> None:
        self.said: list[str] = []

    def changed(self, told: Told) -> None:
        self.said.append(f"changed {told.position}")

    def missed(self) -> None:
        self.said.append("missed")


def change(number: int, n: int, epoch: str = "e", **more: Any) -> Told:
    return Told(epoch, number, "id", "-", ("slot:0001",), position=n, **more)


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (lambda h: h.told(change(6, 51)), ["changed 51"]),
        (lambda h: h.told(change(7, 52)), ["missed"]),
        (lambda h: h.told(change(6, 51, "f")), ["missed"]),
        (lambda h: h.told(change(6, 51, patterns=True)), ["missed"]),
        (lambda h: h.told(change(5, 51, is_numbered=False)), ["changed 51"]),
        (lambda h: h.renewed("e", 60, 5), []),
        (lambda h: h.renewed("e", 60, 6), ["missed"]),
        (lambda h: h.renewed("f", 60, 5), ["missed"]),
        (lambda h: (h.lost(), h.renewed("e", 50, 5)), []),
        (lambda h: (h.lost(), h.renewed("e", 51, 5)), ["missed"]),
        (lambda h: (h.lost(), h.told(change(6, 53))), ["missed"]),
        (lambda h: (h.told(change(6, 51)), h.told(change(8, 53)), h.told(change(9, 54))),
         ["changed 51", "missed", "changed 54"]),
    ],
    ids=[
        *("next", "gap", "epoch", "pattern", "leaving", "quiet", "lost-announcement"),
        *("new-epoch", "reconnected", "reconnected-late", "reconnected-change", "on-again"),
    ],
)  # fmt: skip
def test_nothing_is_missed_unnoticed(schedule: Any, said: list[str]) -> None:
    heard, ear = Heard(), Ear()
    heard.renewed("e", 50, 5)
    heard.listen(ear)

    schedule(heard)

    assert ear.said == said


def test_the_first_word_of_a_store_is_where_hearing_begins() -> None:
    heard, ear = Heard(), Ear()
    heard.listen(ear)

    heard.renewed("e", 50, 5)

    assert ear.said == ["missed"]
    assert (heard.position, heard.last) == (50, 50)
