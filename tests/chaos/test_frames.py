"""RESP3 cut into messages: what the proxy must know to lose pushes and nothing else."""

import socket
import time

import hiredis
import pytest
import redis

from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.faults import FaultProxy
from keepwarm.testing.frames import PUSH, Frames, NotResp

MESSAGES = [
    b"+OK\r\n",
    b"-ERR no\r\n",
    b":12\r\n",
    b"_\r\n",
    b"#t\r\n",
    b",1.5\r\n",
    b"(12345678901234567890\r\n",
    b"$5\r\n>2\r\n!\r\n",
    b"$0\r\n\r\n",
    b"$-1\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b"=7\r\ntxt:a\r\n\r\n",
    b"*3\r\n$1\r\na\r\n*2\r\n:1\r\n_\r\n+x\r\n",
    b"%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n+c\r\n",
    b"~1\r\n+a\r\n",
    b"|1\r\n+ttl\r\n:5\r\n$2\r\nhi\r\n",
    b">3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$4\r\n\r\n\r\n\r\n",
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_messages_are_cut_where_they_end_however_they_arrive(size: int) -> None:
    stream = b"".join(MESSAGES)
    frames = Frames()

    found = [
        message
        for start in range(0, len(stream), size)
        for message in frames.feed(stream[start : start + size])
    ]

    assert found == MESSAGES
    assert [m for m in found if m[0] == PUSH] == MESSAGES[-1:]


def test_another_protocol_is_refused() -> None:
    with pytest.raises(NotResp):
        list(Frames().feed(b"HTTP/1.1 200\r\n"))


def test_pushes_are_lost_and_replies_are_not() -> None:
    """On one connection: the reply after a lost push answers the request after it."""
    with (
        EmbeddedServer() as server,
        FaultProxy(server.url, resp3=True) as proxy,
        socket.create_connection((proxy.host, proxy.port), timeout=5) as sock,
    ):
        reader = hiredis.Reader()

        def next_message() -> object:
            while (found := reader.gets()) is False:
                reader.feed(sock.recv(4096))
            return found

        def ask(*words: str) -> object:
            sock.sendall(hiredis.pack_command(words))
            return next_message()

        ask("HELLO", "3", "AUTH", "default", server.password)
        assert isinstance(ask("SUBSCRIBE", "news"), hiredis.PushNotification)
        assert ask("PUBLISH", "news", "1") is not None
        next_message()  # the push and the count, in either order

        proxy.drop_pushes()
        assert [ask("PUBLISH", "news", str(n)) for n in range(3)] == [1, 1, 1]
        assert ask("PING") == b"PONG"
        assert proxy.pushes_dropped == 3

        proxy.pass_through()
        assert proxy.open == 1  # nothing was torn: the connection goes on
        both = [ask("PUBLISH", "news", "4"), next_message()]
        assert [b"message", b"news", b"4"] in both
        assert 1 in both


def test_only_a_proxy_that_reads_resp3_drops_pushes() -> None:
    with EmbeddedServer() as server, FaultProxy(server.url) as proxy, pytest.raises(ValueError):
        proxy.drop_pushes()


def test_dripping_replies_arrive_whole_and_late() -> None:
    with (
        EmbeddedServer() as server,
        FaultProxy(server.url) as proxy,
        redis.Redis.from_url(proxy.url, single_connection_client=True) as client,
    ):
        client.set("k", "x" * 50)
        proxy.drip(0.002)
        began = time.monotonic()
        assert client.get("k") == b"x" * 50
        assert time.monotonic() - began > 0.1


def test_retargeted_clients_find_the_other_server() -> None:
    with EmbeddedServer() as one, EmbeddedServer() as two:
        with redis.Redis.from_url(two.url) as direct:
            password = one.password
            direct.config_set("requirepass", password)
            direct.execute_command("AUTH", password)
            direct.set("k", "two")
        with (
            FaultProxy(one.url) as proxy,
            redis.Redis.from_url(proxy.url, decode_responses=True) as client,
        ):
            client.set("k", "one")
            proxy.retarget(two.socket_path)
            assert client.get("k") == "two"
