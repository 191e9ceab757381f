"""The whole proxy, with the cache between front and pass-through, on each server."""

import threading
from collections.abc import Iterator

import pytest

from keepwarm import Cache
from keepwarm.proxy.running import assemble
from keepwarm.proxy.servers import SERVERS
from keepwarm.proxy.settings import ProxySettings

from .clients import Client, fetch, get
from .conftest import Running, running
from .origins import Origin, Peer

HALF = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\nContent-Length: 5\r\n\r\nhal"
PAGE = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\nContent-Length: 5\r\n\r\nwhole"


@pytest.fixture(scope="module", params=list(SERVERS))
def whole(request: pytest.FixtureRequest) -> Iterator[Running]:
    with Origin() as origin:
        settings = ProxySettings.checked(
            listen=":0",
            upstream=origin.url,
            server=request.param,
            cdn=True,
            stale_on_error=True,
            max_body="64MiB",
            connect_timeout="20s",
            timeout="20s",
        )
        for port in running(request.param, assemble(settings, Cache())):
            yield Running(request.param, port, origin)
        assert origin.errors == []


def test_a_client_that_goes_away_in_a_fill_ends_it_and_leaves_nothing(whole: Running) -> None:
    is_over = threading.Event()

    def play(peer: Peer) -> None:
        peer.request()
        peer.send(HALF)
        if peer.wait_closed():
            is_over.set()

    whole.origin.plays(play)
    with Client(whole.port) as client:
        client.send(get("/gone")).head()
    assert is_over.wait(5)
    whole.origin.answers(PAGE)

    assert fetch(whole.port, "/gone").body == b"whole"


def test_who_waits_for_a_fill_that_ends_early_is_still_answered(whole: Running) -> None:
    """1. A fills. 2. B waits for it. 3. A goes away. 4. B gets a page of its own."""
    is_asked = threading.Event()
    calls = 0

    def play(peer: Peer) -> None:
        nonlocal calls
        peer.request()
        calls += 1
        if calls == 1:
            peer.send(HALF)
            peer.wait_closed()
        else:
            is_asked.set()
            peer.send(PAGE)

    whole.origin.plays(play)
    with Client(whole.port) as follower:
        with Client(whole.port) as leader:
            leader.send(get("/led")).head()
            follower.send(get("/led"))
        reply = follower.reply()

    assert (reply.status, reply.body) == (200, b"whole")
    assert is_asked.is_set()


def test_many_clients_of_a_cold_url_are_one_request(whole: Running) -> None:
    may_answer = threading.Event()
    calls = 0

    def play(peer: Peer) -> None:
        nonlocal calls
        while peer.request():
            calls += 1
            assert may_answer.wait(10)
            peer.send(PAGE)

    whole.origin.plays(play)
    clients = [Client(whole.port).send(get("/cold")) for _ in range(50)]
    may_answer.set()
    bodies = {client.reply().body for client in clients}
    for client in clients:
        client.close()

    assert (bodies, calls) == ({b"whole"}, 1)


def test_a_client_that_does_not_read_holds_its_fill_back(whole: Running) -> None:
    sent = 0
    is_stuck = threading.Event()

    def play(peer: Peer) -> None:
        nonlocal sent
        peer.request()
        peer.send(
            b"HTTP/1.1 200 OK\r\nCache-Control: max-age=9\r\nContent-Length: 67108864\r\n\r\n"
        )
        peer.sock.settimeout(0.5)
        try:
            while sent < 67_108_864:
                sent += peer.sock.send(b"x" * 65_536)
        except TimeoutError:
            is_stuck.set()

    whole.origin.plays(play)
    with Client(whole.port, receive_buffer=65_536) as client:
        client.send(get("/slow")).head()
        assert is_stuck.wait(10)

    assert sent < 32 * 1024 * 1024


@pytest.mark.parametrize("failing", [b"", b"HTTP/1.1 nonsense\r\n\r\n"], ids=["gone", "malformed"])
def test_what_is_stale_answers_for_an_upstream_that_fails(whole: Running, failing: bytes) -> None:
    path = f"/stale{len(failing)}"
    stale = PAGE.replace(b"Content-Length", b"Age: 200\r\nContent-Length")

    def fail(peer: Peer) -> None:
        if peer.request():
            peer.send(failing)

    whole.origin.answers(stale)
    assert fetch(whole.port, path).body == b"whole"
    whole.origin.plays(fail)

    reply = fetch(whole.port, path)

    assert (reply.status, reply.body) == (200, b"whole")


def test_a_post_is_forwarded_once_although_the_upstream_fails(whole: Running) -> None:
    calls = 0

    def play(peer: Peer) -> None:
        nonlocal calls
        if peer.request():
            calls += 1

    whole.origin.plays(play)
    with Client(whole.port) as client:
        client.send(get("/post", "Content-Length: 2", method="POST") + b"ab")
        assert client.reply("POST").status == 502

    assert calls == 1


BROKEN = (
    b"HTTP/1.1 200 OK\r\nCache-Control: max-age=100\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
)
STALE = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nAge: 99\r\nContent-Length: 5\r\n\r\nstale"


def test_a_response_that_breaks_before_its_first_byte_is_a_502(whole: Running) -> None:
    """The start was held until there would be something to store."""
    whole.origin.answers(BROKEN)
    reply = fetch(whole.port, "/broken")
    whole.origin.answers(PAGE)

    assert (reply.status, reply.is_whole) == (502, True)
    assert dict(reply.fields).get(b"cache-control") == b"no-store"
    assert fetch(whole.port, "/broken").body == b"whole"


def test_what_is_stale_answers_for_it(whole: Running) -> None:
    whole.origin.answers(STALE)
    fetch(whole.port, "/breaks")
    whole.origin.answers(BROKEN)

    assert fetch(whole.port, "/breaks").body == b"stale"
