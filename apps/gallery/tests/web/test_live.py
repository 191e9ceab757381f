"""Gallery's pages hear of what changed: labels on its answers, and a stream for who may listen."""

import asyncio
import json
from datetime import timedelta
from typing import Any

ORIGIN = "http://gallery.test"


class Stream:
    """A browser's stream of events, in process: httpx would wait for its end."""

    def __init__(self, site: Any, cookies: str = "", origin: str = ORIGIN) -> None:
        fields = {"host": "gallery.test", "origin": origin, "cookie": cookies}
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/live/events",
            "raw_path": b"/live/events",
            "query_string": b"",
            "scheme": "http",
            "headers": [(n.encode(), v.encode()) for n, v in fields.items() if v],
            "client": ("127.0.0.1", 50_000),
            "server": ("gallery.test", 80),
        }
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.task = asyncio.ensure_future(site.app(scope, self._receive, self.sent.put))

    async def _receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def status(self) -> int:
        async with asyncio.timeout(20):
            status: int = (await self.sent.get())["status"]
        return status

    async def next(self) -> dict[str, Any]:
        """The next message, or the word at the end."""
        async with asyncio.timeout(20):
            body = (await self.sent.get())["body"].decode()
        data: dict[str, Any] = json.loads(body.partition("data: ")[2])
        return data

    async def close(self) -> None:
        self.gone.set()
        await self.task


def cookies_of(visitor: Any) -> str:
    return "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())


async def test_an_edit_is_told_to_who_shows_the_character(site: Any) -> None:
    writer, reader = await site.visitor("u0"), await site.visitor()
    made = await writer.own_character()
    path = f"/api/characters/{made['id']}"
    shown = [await reader.get(path) for _ in range(2)]
    stream = Stream(site)
    assert await stream.status() == 200
    await stream.next()
    edited = await writer.patch(path, json={"name": "Zed of the Tests", "version": made["version"]})
    told: set[str] = set()
    said = set(edited.headers["keepwarm-tags"].split())
    while not said <= told:
        told |= set((await stream.next()).get("tags", ()))
    await stream.close()

    assert edited.status_code == 200, edited.text
    assert edited.headers["keepwarm-invalidated"] == "1"
    for answer in shown:
        assert not told.isdisjoint(answer.headers["keepwarm-tags"].split())
    assert "character" not in shown[0].headers["keepwarm-tags"]


async def test_a_stream_of_who_is_signed_in_ends_with_the_session(site: Any) -> None:
    visitor = await site.visitor("u0")
    stream = Stream(site, cookies_of(visitor))
    assert await stream.status() == 200
    await stream.next()
    site.now += timedelta(days=15)
    await site.cache.invalidate("characters")
    ended = await stream.next()
    await stream.task
    late = Stream(site, cookies_of(visitor))

    assert ended == {"why": "session over", "code": 4401}
    assert await late.status() == 401
    await late.task


async def test_another_sites_page_hears_nothing(site: Any) -> None:
    stream = Stream(site, origin="https://evil.test")

    assert await stream.status() == 403
    await stream.task


async def test_the_secret_is_drawn_once_and_for_this_user_only(site: Any) -> None:
    from gallery.web.live import live_secret

    settings = site.app.state.parts.settings
    path = settings.data / "live-secret"

    assert live_secret(settings) == live_secret(settings) == path.read_text().strip()
    assert path.stat().st_mode & 0o777 == 0o600
