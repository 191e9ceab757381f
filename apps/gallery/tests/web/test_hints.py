"""103 Early Hints, over a server that can send them: Hypercorn does so over HTTP/2."""

import asyncio

from fastapi import FastAPI
from h2.connection import H2Connection
from h2.events import InformationalResponseReceived, ResponseReceived, StreamEnded
from hypercorn.asyncio import serve
from hypercorn.config import Config

from gallery.web.hints import EarlyHints
from keepwarm.testing.servers import free_port


async def answers(port: int, mode: str) -> list[tuple[int, dict[str, str]]]:
    """Status and fields of all answers to one request, interim ones included."""
    found: list[tuple[int, dict[str, str]]] = []
    connection = H2Connection()
    connection.initiate_connection()
    fields = {":method": "GET", ":path": "/", ":scheme": "http", ":authority": "gallery.test"}
    connection.send_headers(1, [*fields.items(), ("sec-fetch-mode", mode)], end_stream=True)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    is_over = False
    while not is_over:
        writer.write(connection.data_to_send())
        for event in connection.receive_data(await reader.read(65_536)):
            if isinstance(event, (InformationalResponseReceived, ResponseReceived)):
                told = {bytes(n).decode(): bytes(v).decode() for n, v in event.headers}
                found.append((int(told[":status"]), told))
            is_over = is_over or isinstance(event, StreamEnded)
    writer.close()
    await writer.wait_closed()
    return found


async def test_navigation_is_told_of_the_script_before_the_page_is_made():
    app = FastAPI()

    @app.get("/")
    async def page():
        return "page"

    config, ended = Config(), asyncio.Event()
    port = free_port()
    config.bind = [f"127.0.0.1:{port}"]
    config.loglevel = "ERROR"
    serving = asyncio.create_task(
        serve(EarlyHints(app, "/assets/main-1.js"), config, shutdown_trigger=ended.wait)
    )
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    hinted = await answers(port, "navigate")
                    break
                except ConnectionRefusedError:
                    await asyncio.sleep(0.02)  # it is about to listen
            plain = await answers(port, "cors")
    finally:
        ended.set()
        await serving

    assert [status for status, _ in hinted] == [103, 200]
    assert hinted[0][1]["link"] == "</assets/main-1.js>; rel=modulepreload"
    assert [status for status, _ in plain] == [200]
