"""The fault proxy: each fault as a Redis client sees it, before a real server."""

import gc
import socket
import time
from collections.abc import Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.faults import FaultProxy, through

PATIENCE_S = 0.2  # long enough that a loopback reply within it is certain to be no accident


@pytest.fixture(scope="module", params=["unix", "tcp"])
def server(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tcp=request.param == "tcp") as server:
        yield server


@pytest.fixture
def proxy(server: EmbeddedServer) -> Iterator[FaultProxy]:
    with FaultProxy(server.url) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[redis.Redis]:
    """One that neither retries nor waits long, so that each fault is seen once and as it is."""
    client = redis.Redis.from_url(
        proxy.url,
        socket_timeout=PATIENCE_S,
        retry=Retry(NoBackoff(), 0),
        single_connection_client=True,
        decode_responses=True,
    )
    with client:
        client.flushall()
        yield client


@pytest.fixture
def direct(server: EmbeddedServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url, decode_responses=True) as direct:
        yield direct


def test_closing_while_it_accepts_leaves_no_socket_open() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as target:
        for _ in range(20):
            with FaultProxy(target.getsockname()) as proxy:
                clients = [socket.create_connection((proxy.host, proxy.port)) for _ in range(20)]
            for client in clients:
                client.close()
            del proxy
            gc.collect()  # what was left open fails this test


def raw(proxy: FaultProxy, timeout_s: float = 5.0) -> socket.socket:
    return socket.create_connection((proxy.host, proxy.port), timeout=timeout_s)


def read_all(client: socket.socket) -> tuple[bytes, str]:
    """What arrived before the end, and whether the end was a reset."""
    got = b""
    try:
        while part := client.recv(65_536):
            got += part
    except ConnectionResetError:
        return got, "reset"
    return got, "closed"


def ask(proxy: FaultProxy) -> None:
    """A PING on a connection of its own; the reset may come as early as its connect."""
    with raw(proxy) as client:
        client.sendall(b"PING\r\n")
        assert read_all(client) == (b"", "reset")
        raise ConnectionResetError


def test_passes_bytes_both_ways(proxy: FaultProxy, client: redis.Redis) -> None:
    value = "x" * 1_000_000
    client.set("k", value)

    assert client.get("k") == value
    assert proxy.connections == proxy.open == 1
    assert proxy.bytes_up > 1_000_000
    assert proxy.bytes_down > 1_000_000


def test_refuse_resets_the_connected_and_refuses_the_new_then_recovers(
    proxy: FaultProxy, client: redis.Redis
) -> None:
    client.ping()

    proxy.refuse()

    assert proxy.open == 0
    with pytest.raises(redis.ConnectionError):
        client.ping()
    with pytest.raises(ConnectionRefusedError):
        raw(proxy)
    proxy.pass_through()
    assert client.ping() is True


def test_black_hole_swallows_requests(
    proxy: FaultProxy, client: redis.Redis, direct: redis.Redis
) -> None:
    client.ping()

    proxy.black_hole()

    with pytest.raises(redis.TimeoutError):
        client.set("lost", "1")
    with pytest.raises(redis.TimeoutError):
        client.ping()  # a new connection, accepted and never answered
    proxy.pass_through()
    assert client.ping() is True
    assert direct.get("lost") is None


def test_freeze_delivers_everything_afterwards(
    proxy: FaultProxy, client: redis.Redis, direct: redis.Redis
) -> None:
    client.ping()
    proxy.freeze()

    with pytest.raises(redis.TimeoutError):
        client.set("late", "1")
    with raw(proxy) as new:
        new.settimeout(PATIENCE_S)
        new.sendall(b"PING\r\n")
        with pytest.raises(TimeoutError):
            new.recv(1)
        assert direct.get("late") is None

        proxy.pass_through()

        new.settimeout(5)
        assert new.recv(100).startswith(b"-NOAUTH")
        assert client.ping() is True


def test_delay_is_per_reply_not_summed_over_a_pipeline(
    proxy: FaultProxy, client: redis.Redis
) -> None:
    client.ping()

    proxy.delay(0.05)

    began = time.monotonic()
    with client.pipeline(transaction=False) as pipe:
        for number in range(100):
            pipe.set(f"k{number}", number)
        assert pipe.execute() == [True] * 100
    assert time.monotonic() - began >= 0.05


def test_a_longer_delay_than_the_clients_patience_is_a_timeout(
    proxy: FaultProxy, client: redis.Redis
) -> None:
    client.ping()

    proxy.delay(60)

    with pytest.raises(redis.TimeoutError):
        client.ping()


def test_reset_ends_old_and_new_connections_with_rst(proxy: FaultProxy) -> None:
    with raw(proxy) as old:
        old.sendall(b"PING\r\n")
        old.recv(100)

        proxy.reset()

        with pytest.raises(ConnectionResetError):
            old.recv(1)
    with pytest.raises(ConnectionResetError):
        ask(proxy)


@pytest.mark.parametrize("count", [0, 1, 500, 200_000])
def test_a_reply_is_cut_after_exactly_so_many_bytes(
    proxy: FaultProxy, server: EmbeddedServer, direct: redis.Redis, count: int
) -> None:
    direct.set("big", "x" * 1_000_000)
    with raw(proxy) as client:
        client.sendall(f"AUTH {server.password}\r\n".encode())
        assert client.recv(100) == b"+OK\r\n"

        proxy.cut_reply_after(count)
        client.sendall(b"GET big\r\n")

        got, end = read_all(client)
        assert (len(got), end) == (count, "reset")


def test_lost_replies_belong_to_commands_that_were_carried_out(
    proxy: FaultProxy, client: redis.Redis, direct: redis.Redis
) -> None:
    client.ping()

    proxy.lose_replies()

    with pytest.raises(redis.TimeoutError):
        client.set("done", "1")
    assert direct.get("done") == "1"


@pytest.mark.parametrize("fault", ["black_hole", "lose_replies"])
def test_a_connection_that_lost_bytes_is_reset_not_continued(
    proxy: FaultProxy, server: EmbeddedServer, fault: str
) -> None:
    """Else the client would read the answer to a later question as that to the lost one."""
    with raw(proxy) as client:
        client.sendall(b"PING\r\n")
        client.recv(100)
        getattr(proxy, fault)()
        client.settimeout(PATIENCE_S)
        client.sendall(b"PING\r\n")
        with pytest.raises(TimeoutError):
            client.recv(1)

        proxy.pass_through()

        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_dropping_connections_leaves_new_ones_alone(proxy: FaultProxy, client: redis.Redis) -> None:
    client.ping()

    proxy.drop_connections()

    with pytest.raises(redis.ConnectionError):
        client.ping()
    assert client.ping() is True


def test_a_target_that_is_away_is_a_reset() -> None:
    with FaultProxy(("127.0.0.1", 1)) as proxy, pytest.raises(ConnectionResetError):
        ask(proxy)


def test_a_stopped_server_comes_back_behind_the_same_proxy() -> None:
    with (
        EmbeddedServer() as server,
        FaultProxy(server.url) as proxy,
        redis.Redis.from_url(proxy.url, retry=Retry(NoBackoff(), 0)) as client,
    ):
        client.ping()
        server.kill()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        server.start()
        assert client.ping() is True


async def test_usable_from_a_running_loop(proxy: FaultProxy) -> None:
    async with redis.asyncio.Redis.from_url(proxy.url, socket_timeout=PATIENCE_S) as client:
        assert await client.ping() is True


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://:pw@cache:6379/2", "redis://:pw@127.0.0.1:9/2"),
        ("redis://app:p%40w@cache/0", "redis://app:p%40w@127.0.0.1:9/0"),
        ("redis://cache:6379", "redis://127.0.0.1:9"),
        ("unix:///run/a.sock?password=p%40w", "redis://:p%40w@127.0.0.1:9/0"),
        ("unix://app@/run/a.sock?db=3&password=pw", "redis://app:pw@127.0.0.1:9/3"),
        ("unix:///run/a.sock", "redis://127.0.0.1:9/0"),
    ],
)
def test_the_urls_password_and_database_stay(url: str, expected: str) -> None:
    assert through(url, "127.0.0.1", 9) == expected
