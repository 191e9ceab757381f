"""One connection: every reply reaches its own request, whatever happens to either."""

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import hiredis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairness import now_s
from keepwarm.ports import StoreAway
from keepwarm.stores.redis.failures import Refused
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.stores.redis.settings import parse_address
from keepwarm.stores.redis.wire import Wire


class Peer:
    """The other end, written by hand: says what a test tells it to."""

    def __init__(self) -> None:
        self.pushes: list[Any] = []
        self.losses: list[str] = []
        self.order: list[Any] = []

    async def connect(self) -> None:
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(lambda: Wire(self._push, self._lost), sock=ours)
        self.wire = wire
        self.reader, self.writer = await asyncio.open_connection(sock=theirs)

    def _push(self, push: list[Any]) -> None:
        self.pushes.append(push)
        self.order.append("push")

    def _lost(self, _wire: Wire, why: str) -> None:
        self.losses.append(why)

    async def asked(self, count: int = 1) -> list[list[bytes]]:
        """The next `count` commands that arrive."""
        parser = hiredis.Reader()
        found: list[list[bytes]] = []
        while len(found) < count:
            while (command := parser.gets()) is not False:
                found.append(command)
            if len(found) < count:
                parser.feed(await self.reader.read(65_536))
        return found

    async def say(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    def ask(self, *command: Any, within_s: float = 5.0, read: Any = None) -> "asyncio.Task[Any]":
        loop = asyncio.get_running_loop()
        return loop.create_task(self.wire.exchange([command], loop.time() + within_s, read))

    async def close(self) -> None:
        self.wire.close()
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    await peer.connect()
    yield peer
    await peer.close()


async def why_of(work: Any) -> str:
    with pytest.raises(StoreAway) as raised:
        await work
    return raised.value.why


PUSH = b">3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$1\r\nm\r\n"


async def test_commands_go_out_in_order_and_in_one_write(peer: Peer) -> None:
    tasks = [peer.ask("ECHO", n) for n in range(50)]

    assert await peer.asked(50) == [[b"ECHO", b"%d" % n] for n in range(50)]
    await peer.say(b"".join(b":%d\r\n" % n for n in range(50)))
    assert await asyncio.gather(*tasks) == [[n] for n in range(50)]


async def test_pushes_and_replies_are_handled_in_the_order_in_which_they_came(peer: Peer) -> None:
    """The mirror depends on it: what was announced before a reply is obeyed before it."""
    note = peer.order.append
    tasks = [peer.ask("A", read=note), peer.ask("B", read=note)]
    await peer.asked(2)

    await peer.say(PUSH + b":1\r\n" + PUSH + PUSH + b":2\r\n" + PUSH)

    await asyncio.gather(*tasks)
    assert peer.order == ["push", [1], "push", "push", [2], "push"]


async def test_replies_may_come_in_pieces_of_a_byte(peer: Peer) -> None:
    tasks = [peer.ask("A"), peer.ask("B")]
    await peer.asked(2)

    for byte in b"*2\r\n$3\r\nabc\r\n:7\r\n" + PUSH + b"$-1\r\n":
        peer.wire.data_received(bytes([byte]))

    assert await asyncio.gather(*tasks) == [[[b"abc", 7]], [None]]
    assert len(peer.pushes) == 1


WORDS = [
    (b"+OK\r\n", "OK"),
    (b":42\r\n", 42),
    (b"$-1\r\n", None),
    (b"_\r\n", None),
    (b"$5\r\nab\r\nc\r\n", b"ab\r\nc"),
    (b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n", [b"a", [1]]),
    (b"-ERR no\r\n", "Refused"),
    (b"%1\r\n$1\r\nk\r\n:1\r\n", {b"k": 1}),
]


@settings(max_examples=60, deadline=None)
@given(
    script=st.lists(st.tuples(st.integers(0, len(WORDS) - 1), st.booleans()), max_size=12),
    cuts=st.lists(st.integers(1, 7), max_size=40),
)
def test_however_the_bytes_are_cut_each_request_gets_its_reply(
    script: list[tuple[int, bool]], cuts: list[int]
) -> None:
    async def play() -> None:
        peer = Peer()
        await peer.connect()
        tasks = [peer.ask("X") for _ in script]
        await asyncio.sleep(0)
        raw = b"".join(WORDS[n][0] + PUSH * is_pushed for n, is_pushed in script)
        for cut in [*cuts, len(raw)]:
            peer.wire.data_received(raw[:cut])
            raw = raw[cut:]
        found = [reply for (reply,) in await asyncio.gather(*tasks)]
        shown = ["Refused" if isinstance(reply, Refused) else reply for reply in found]
        assert shown == [
            WORDS[n][1].encode() if WORDS[n][1] == "OK" else WORDS[n][1] for n, _ in script
        ]
        assert len(peer.pushes) == sum(is_pushed for _, is_pushed in script)
        await peer.close()

    asyncio.run(play())


async def test_error_replies_are_items_of_the_reply(peer: Peer) -> None:
    loop = asyncio.get_running_loop()
    task = loop.create_task(peer.wire.exchange([("A",), ("B",)], loop.time() + 5))
    await peer.asked(2)

    await peer.say(b"-NOSCRIPT none\r\n:1\r\n")

    error, one = await task
    assert isinstance(error, Refused)
    assert error.code == "NOSCRIPT"
    assert one == 1


async def test_what_a_reader_raises_is_its_callers(peer: Peer) -> None:
    """A reply that cannot be read harms nobody else on the connection."""

    def read(_replies: list[Any]) -> Any:
        raise ValueError("mine")

    wrong, right = peer.ask("A", read=read), peer.ask("B")
    await peer.asked(2)
    await peer.say(b":1\r\n:2\r\n")

    with pytest.raises(ValueError, match="mine"):
        await wrong
    assert await right == [2]
    assert peer.wire.is_open


async def test_a_cancelled_callers_reply_reaches_nobody_else(peer: Peer) -> None:
    """G7: it is counted and thrown away; nothing has to be reconnected."""
    tasks = [peer.ask("A", n) for n in range(6)]
    await peer.asked(6)
    for task in tasks[::2]:
        task.cancel()

    await peer.say(b"".join(b":%d\r\n" % n for n in range(6)))

    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert done[1::2] == [[1], [3], [5]]
    assert all(isinstance(gone, asyncio.CancelledError) for gone in done[::2])
    assert peer.wire.is_open
    assert peer.wire.in_flight == 0


async def test_a_request_cancelled_before_it_left_still_counts(peer: Peer) -> None:
    """Its command is in the stream already: a reply will come."""
    task = peer.ask("A")
    await asyncio.sleep(0)
    task.cancel()
    other = peer.ask("B")
    assert await peer.asked(2) == [[b"A"], [b"B"]]

    await peer.say(b":1\r\n:2\r\n")

    assert await other == [2]


async def test_a_reader_is_not_run_for_nobody(peer: Peer) -> None:
    """What a cancelled caller would have learnt must not be taken for learnt."""
    read: list[Any] = []
    task = peer.ask("A", read=read.append)
    await peer.asked()
    task.cancel()
    await peer.say(b":1\r\n")
    task = peer.ask("B")
    await peer.say(b":2\r\n")

    assert await task == [2]
    assert read == []


async def test_silence_ends_the_connection_and_everybody_is_told(peer: Peer) -> None:
    """Who waits for a server that says nothing at all waits once."""
    first, second = peer.ask("A", within_s=0.05), peer.ask("B", within_s=5.0)
    began = now_s()

    assert await why_of(first) == "timeout"
    assert await why_of(second) == "timeout"
    assert now_s() - began < 1.0
    assert not peer.wire.is_open
    assert peer.losses == ["timeout"]
    assert await why_of(peer.ask("C")) == "timeout"


async def test_a_late_reply_fails_one_request_while_others_are_answered(peer: Peer) -> None:
    """The server lives: only this command was slow, and its reply is thrown away."""
    slow = peer.ask("SLOW", within_s=0.1)
    await peer.asked()
    await peer.say(PUSH)

    assert await why_of(slow) == "timeout"
    assert peer.wire.is_open
    next_one = peer.ask("NEXT")
    await peer.say(b":1\r\n:2\r\n")
    assert await next_one == [2]


async def test_a_loop_that_stood_still_is_not_a_server_that_is_away(peer: Peer) -> None:
    """The reply had come in time; nobody had a turn to read it."""
    task = peer.ask("A", within_s=0.1)
    await peer.asked()
    await peer.say(b":1\r\n")
    time.sleep(0.3)

    assert await task == [1]


async def test_a_deadline_that_has_passed_fails_soon(peer: Peer) -> None:
    began = now_s()

    assert await why_of(peer.ask("A", within_s=-1.0)) == "timeout"
    assert now_s() - began < 0.5


@pytest.mark.parametrize(
    "raw",
    [b":1\r\n", b"?what\r\n", b"*x\r\n", b"$99999999999999999999\r\n"],
    ids=["unasked", "unknown-type", "no-length", "huge-length"],
)
async def test_what_cannot_be_a_reply_ends_the_connection(peer: Peer, raw: bytes) -> None:
    """Whose it is nobody knows: the next reply would go to the wrong request."""
    if raw != b":1\r\n":
        task = peer.ask("A")
        await peer.asked()
        await peer.say(raw)
        assert await why_of(task) == "protocol"
    else:
        await peer.say(raw)
        while peer.wire.is_open:
            await asyncio.sleep(0.001)
    assert peer.losses == ["protocol"]


async def test_when_the_other_side_closes_everybody_is_told(peer: Peer) -> None:
    tasks = [peer.ask("A"), peer.ask("B")]
    await peer.asked(2)
    await peer.say(b":1\r\n*2\r\n:")  # the second reply is torn
    peer.writer.close()

    assert await tasks[0] == [1]
    assert await why_of(tasks[1]) == "unreachable"
    assert peer.losses == ["unreachable"]


async def test_what_is_told_waits_for_nothing_and_its_reply_is_counted(peer: Peer) -> None:
    said: list[Any] = []
    peer.wire.tell(("T",), said.append)
    peer.wire.tell(("U",))
    task = peer.ask("A")
    await peer.asked(3)

    await peer.say(b"-NOPERM no\r\n:1\r\n:2\r\n")

    assert await task == [2]
    assert isinstance(said[0][0], Refused)
    peer.wire.close()
    peer.wire.tell(("V",))  # nobody is there: nothing happens


async def test_until_takes_as_many_replies_as_come_before_the_last(peer: Peer) -> None:
    """A subscription answers with a push or with an error: nobody knows how many replies."""
    loop = asyncio.get_running_loop()
    packed = hiredis.pack_command(("S", "one")) + hiredis.pack_command(("S", "two"))
    before = peer.ask("A")
    task = loop.create_task(peer.wire.until(packed, ("ECHO", b"end"), b"end", loop.time() + 5))
    await asyncio.sleep(0)
    after = peer.ask("B")
    assert [c[0] for c in await peer.asked(5)] == [b"A", b"S", b"S", b"ECHO", b"B"]

    await peer.say(b":1\r\n" + PUSH + b"-NOPERM no\r\n$3\r\nend\r\n:2\r\n")

    assert await before == [1]
    assert [str(error) for error in await task] == ["NOPERM no"]
    assert await after == [2]


async def test_an_exchange_of_nothing_takes_nobodys_reply(peer: Peer) -> None:
    loop = asyncio.get_running_loop()
    nothing = loop.create_task(peer.wire.exchange([], loop.time() + 0.2))
    await asyncio.sleep(0)
    task = peer.ask("A", within_s=0.2)
    await peer.asked()
    await peer.say(b":1\r\n")

    assert await task == [1]
    assert await nothing == []


async def test_closing_twice_tells_once(peer: Peer) -> None:
    peer.wire.close("one")
    peer.wire.close("two")

    assert peer.losses == ["one"]
    assert await why_of(peer.ask("A")) == "one"


# Against a real server.


async def wired(server: EmbeddedServer) -> Wire:
    address = parse_address(server.url)
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_unix_connection(
        lambda: Wire(lambda push: None, lambda wire, why: None), address.path
    )
    await wire.exchange(address.handshake(), loop.time() + 2)
    return wire


async def test_a_storm_of_cancellations_crosses_no_reply(server: EmbeddedServer) -> None:
    """10,000 callers, most of whom leave at a random moment: 0 wrong replies, 0 reconnects."""
    wire = await wired(server)
    loop, dice = asyncio.get_running_loop(), random.Random(1)
    wrong = right = gone = 0

    async def one(number: int) -> None:
        nonlocal wrong, right
        commands = [("ECHO", f"{number}.{part}") for part in range(1 + number % 3)]
        replies = await wire.exchange(commands, loop.time() + 10)
        if replies == [str(command[1]).encode() for command in commands]:
            right += 1
        else:
            wrong += 1

    async def caller(number: int) -> None:
        nonlocal gone
        task = loop.create_task(one(number))
        if dice.random() < 0.7:
            for _ in range(dice.randrange(6)):
                await asyncio.sleep(0)
            task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            gone += 1

    for start in range(0, 10_000, 500):
        await asyncio.gather(*(caller(start + n) for n in range(500)))

    assert wire.is_open
    assert wrong == 0
    assert right > 2_500
    assert gone > 2_500
    assert right + gone == 10_000
    wire.close()
