"""What an upstream's address may be, and how long its idle connections are trusted."""

import asyncio

import pytest

from keepwarm.errors import ConfigurationError
from keepwarm.proxy.pool import IDLE_S, LONGEST_IDLE_S, Pool, Upstream, patience_s

from .origins import Origin, Peer


@pytest.mark.parametrize(
    "url, upstream, authority",
    [
        ("http://a.example", Upstream("a.example", 80), "a.example"),
        ("http://a.example/", Upstream("a.example", 80), "a.example"),
        ("http://127.0.0.1:8000", Upstream("127.0.0.1", 8000), "127.0.0.1:8000"),
        ("http://[::1]:81", Upstream("::1", 81), "[::1]:81"),
    ],
)
def test_an_upstream_is_a_host_and_a_port(url: str, upstream: Upstream, authority: str) -> None:
    assert (upstream, authority) == (Upstream.parse(url), Upstream.parse(url).authority)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example",
        "ftp://a",
        "https://a",
        "http://",
        "http://a/path",
        "http://a?q",
        "http://user:secret@a",
        "http://a:0",
        "http://a:65536",
        "http://a b",
        "http://a\r\nX: y",
    ],
)
def test_another_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Upstream.parse(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "keep_alive, seconds",
    [
        (b"", IDLE_S),
        (b"timeout=5", 4.0),
        (b"max=100, timeout = 5", 4.0),
        (b"Timeout=1", 0.0),
        (b"timeout=0", 0.0),
        (b"timeout=999999", LONGEST_IDLE_S),
        (b"xtimeout=5", IDLE_S),
        (b"timeout=x", IDLE_S),
    ],
)
def test_we_are_the_first_to_close(keep_alive: bytes, seconds: float) -> None:
    assert seconds == patience_s(keep_alive)


def quiet(peer: Peer) -> None:
    peer.wait_closed()


async def test_connections_are_bounded_and_waited_for() -> None:
    with Origin() as origin:
        origin.plays(quiet)
        pool = Pool(Upstream("127.0.0.1", origin.port), most=2)
        first, second = await pool.take(), await pool.take()
        waiting = asyncio.create_task(pool.take())
        await asyncio.sleep(0)
        assert not waiting.done()

        pool.give_back(first, reusable=True)

        assert await waiting is first
        pool.give_back(first, reusable=False)
        pool.give_back(second, reusable=False)


async def test_who_waited_in_vain_took_no_place() -> None:
    with Origin() as origin:
        origin.plays(quiet)
        pool = Pool(Upstream("127.0.0.1", origin.port), most=1)
        first = await pool.take()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pool.take(), 0.01)

        pool.give_back(first, reusable=False)

        pool.give_back(await pool.take(), reusable=False)


async def test_an_unreachable_upstream_takes_no_place() -> None:
    with Origin() as origin:
        port = origin.port
    pool = Pool(Upstream("127.0.0.1", port), most=1)

    for _ in range(3):
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await pool.take()
