"""Two processes under uvicorn on one Valkey, and sockets of a browser's kind."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)

from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.servers import valkey
from live.stage import Browser, Held, position

SERVED = Path(__file__).with_name("served.py")


class Refused(Exception):
    """The handshake was answered with this status."""


class Stream:
    """A WebSocket, by wsproto over plain sockets."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connection = WSConnection(ConnectionType.CLIENT)
        self.messages: list[dict[str, Any]] = []
        self.closed: int | None = None
        self.is_open = False

    async def open(self, after: str | None = None, **fields: str) -> "Stream":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        headers = {"origin": f"http://127.0.0.1:{self.port}"} | fields
        target = "/live/ws" + (f"?after={after}" if after is not None else "")
        self._send(
            Request(
                host=f"127.0.0.1:{self.port}",
                target=target,
                extra_headers=[(n.encode(), v.encode()) for n, v in headers.items()],
            )
        )
        while not self.is_open:
            await self._read()
        return self

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while not self.messages:
                assert self.closed is None, self.closed
                await self._read()
        return self.messages.pop(0)

    async def until(self, browser: Browser, what: str) -> None:
        """Hear messages up to one of that kind."""
        while True:
            message = await self.next()
            browser.heard(message)
            if what in message:
                return

    async def end(self) -> int:
        async with asyncio.timeout(20):
            while self.closed is None:
                await self._read()
        return self.closed

    def close(self) -> None:
        self.writer.close()

    def _send(self, event: Any) -> None:
        self.writer.write(self.connection.send(event))

    async def _read(self) -> None:
        data = await self.reader.read(65_536)
        self.connection.receive_data(data or None)
        for event in self.connection.events():
            match event:
                case AcceptConnection():
                    self.is_open = True
                case RejectConnection():
                    raise Refused(event.status_code)
                case TextMessage():
                    self.messages.append(json.loads(event.data))
                case Ping():
                    self._send(event.response())
                case CloseConnection():
                    self.closed = event.code
                case _:
                    pass


@pytest.fixture(scope="module")
def store() -> Iterator[EmbeddedServer]:
    with valkey() as server:
        yield server


@pytest.fixture(scope="module")
def ports(
    store: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, int]]:
    """Those of two processes. They must end by themselves when they are told to."""
    rows = tmp_path_factory.mktemp("served") / "rows.json"
    rows.write_text(json.dumps({str(n): 0 for n in range(10)}))
    command = [sys.executable, str(SERVED), store.url, str(rows), "0"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        one, two = (int(_output(process).readline()) for process in processes)
        yield one, two
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=20)
    finally:
        for process in processes:
            process.kill()
            process.wait()
            _output(process).close()


def _output(process: "subprocess.Popen[str]") -> Any:
    assert process.stdout is not None
    return process.stdout


@pytest.fixture
async def connect() -> AsyncIterator[Any]:
    """Opens streams, and closes them at the end."""
    opened: list[Stream] = []

    async def open_one(port: int, after: str | None = None, **fields: str) -> Stream:
        opened.append(Stream(port))
        return await opened[-1].open(after, **fields)

    yield open_one
    for stream in opened:
        stream.close()
        with contextlib.suppress(OSError):
            await stream.writer.wait_closed()


async def ask(port: int, path: str, method: str = "GET", **fields: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        answer = await client.request(method, path, headers=fields)
    assert answer.status_code == 200, answer.text
    return answer


def held(answer: httpx.Response) -> Held:
    said, labels = answer.headers["keepwarm-position"], answer.headers["keepwarm-tags"]
    return Held(answer.json(), *position(said), frozenset(labels.split()))


async def test_a_write_in_one_process_reaches_pages_of_another(
    ports: tuple[int, int], connect: Any
) -> None:
    one, two = ports
    browser = Browser()
    before = [held(await ask(one, "/rows/5")) for _ in range(2)]
    other = held(await ask(one, "/rows/6"))
    stream = await connect(one)
    browser.heard(await stream.next())
    written = await ask(two, "/rows/5/1", "PUT")
    await stream.until(browser, "tags")
    answers = [await ask(port, "/rows/5") for port in ports for _ in range(2)]

    assert all(map(browser.is_stale, before))
    assert not browser.is_stale(other)
    assert held(written).n <= browser.highest
    for answer in answers:
        assert (answer.json(), browser.is_stale(held(answer))) == (1, False)


async def test_a_stream_goes_on_in_another_process(ports: tuple[int, int], connect: Any) -> None:
    one, two = ports
    first, second = await connect(one), await connect(two)
    seq = (await first.next())["seq"]
    first.close()
    before = held(await ask(one, "/rows/1"))
    await ask(one, "/rows/1/1", "PUT")
    browser, resumed = Browser(), Browser()
    await second.until(browser, "tags")
    again = await connect(two, after=seq)
    await again.until(resumed, "tags")

    assert browser.is_stale(before)
    assert resumed.is_stale(before)


async def test_a_restart_of_the_store_resets_and_the_stream_goes_on(
    store: EmbeddedServer, ports: tuple[int, int], connect: Any
) -> None:
    one, two = ports
    browser = Browser()
    before = held(await ask(one, "/rows/2"))
    stream = await connect(one)
    browser.heard(await stream.next())
    store.restart()
    await stream.until(browser, "reset")
    assert browser.is_stale(before)
    fresh = held(await ask(one, "/rows/2"))
    assert not browser.is_stale(fresh)
    await ask(two, "/rows/2/1", "PUT")
    await stream.until(browser, "tags")

    assert browser.is_stale(fresh)
    assert not browser.is_stale(held(await ask(two, "/rows/2")))


async def test_events_and_polls_come_through_a_server(ports: tuple[int, int]) -> None:
    one, two = ports
    first = (await ask(one, "/live/poll")).json()["messages"][0]
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{one}", timeout=20) as client,
        client.stream("GET", "/live/events", params={"after": first["seq"]}) as response,
    ):
        lines = response.aiter_lines()
        polling = asyncio.ensure_future(ask(one, f"/live/poll?after={first['seq']}"))
        await ask(two, "/rows/3/1", "PUT")
        async for line in lines:
            if line.startswith("data:") and '"tags"' in line:
                break
        polled = (await polling).json()["messages"][0]

    assert response.headers["content-type"].startswith("text/event-stream")
    assert json.loads(line.removeprefix("data: "))["tags"] == polled["tags"]


@pytest.mark.security("Admin: live, origins")
async def test_a_foreign_page_gets_a_403_for_its_handshake(
    ports: tuple[int, int], connect: Any
) -> None:
    with pytest.raises(Refused, match="403"):
        await connect(ports[0], origin="https://evil.test")
    with pytest.raises(Refused, match="403"):
        await connect(ports[0], cookie="session=over")


@pytest.mark.security("Admin: live, floods")
async def test_a_flood_is_cut_off_by_its_code(ports: tuple[int, int], connect: Any) -> None:
    stream = await connect(ports[0])
    for _ in range(30):
        stream._send(TextMessage("and another thing"))

    assert await stream.end() == 1008
