"""Two processes of a small app over one Valkey, a network between, and a real browser."""

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import httpx
from playwright.async_api import Browser, BrowserContext, Page, Request, WebSocket, async_playwright

from keepwarm.stores.redis.server import EmbeddedServer, free_port
from keepwarm.testing.faults import FaultProxy
from keepwarm.testing.servers import valkey

ROOT = Path(__file__).parents[2]
APP = Path(__file__).with_name("app.py")
PAGES = ROOT / "web" / "standin" / "dist"
MODULE = ROOT / "web" / "live" / "dist" / "index.js"

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

START_S = 20.0
#: A page that shows what is old for this long after everything has settled is stale.
PATIENCE_S = 3.0
#: Long enough for whoever could still be told; the naive page is never told again.
NAIVE_PATIENCE_S = 0.7


class NoBrowser(Exception):
    """A test that needs Chromium fails without it: a skipped test proves nothing."""


def build_pages() -> None:
    """The stand-in pages and the client, from today's sources."""
    workspaces = ["-w", "@keepwarm/standin", "-w", "@keepwarm/live"]
    made = subprocess.run(
        ["scripts/web.sh", "npm", "run", "--silent", "build", *workspaces],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr


class App:
    """One process of the app, and what a test asks of it."""

    def __init__(self, store: str, database: Path) -> None:
        self.port = free_port()
        self._process = subprocess.Popen(
            [sys.executable, str(APP)],
            env=os.environ
            | {
                "STORE": store,
                "DATABASE": str(database),
                "PAGE": str(PAGES),
                "MODULE": str(MODULE),
                "PORT": str(self.port),
            },
        )
        self.http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}", timeout=10, trust_env=False
        )

    async def is_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while True:
            assert self._process.poll() is None, "the app has ended"
            with contextlib.suppress(httpx.TransportError):
                await self.http.get("/api/items/none")
                return
            assert time.monotonic() < deadline, "the app does not answer"
            await asyncio.sleep(0.05)

    async def write(self, item: str, value: int) -> float:
        """Returns when it was sent, as browsers count time."""
        sent = time.time() * 1000
        answer = await self.http.put(f"/api/items/{item}", content=str(value))
        assert answer.is_success, answer.text
        return sent

    async def held(self, item: str) -> None:
        """Return once a held request has read `item`."""
        await self.http.get(f"/held/{item}")

    async def release(self, item: str) -> None:
        await self.http.post(f"/release/{item}")

    async def aclose(self) -> None:
        await self.http.aclose()
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Stage:
    """`near` is reached by the browser through `network`; writes go to `far`."""

    near: App
    far: App

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._home = Path(tempfile.mkdtemp(prefix="keepwarm-live-"))
        self.store: EmbeddedServer = valkey()
        self.network: FaultProxy

    async def __aenter__(self) -> Self:
        self.store.start()
        database = self._home / "items.db"
        sqlite3.connect(database).close()
        self.near = App(self.store.url, database)
        await self.near.is_ready()
        self.far = App(self.store.url, database)
        await self.far.is_ready()
        self.network = FaultProxy(("127.0.0.1", self.near.port)).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.network.close()
        await self.near.aclose()
        await self.far.aclose()
        self.store.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    @contextlib.asynccontextmanager
    async def browser(self) -> AsyncIterator["Tabs"]:
        """A browser of its own: storage, locks and channels that no other test shares."""
        context = await self._browser.new_context(base_url=f"http://127.0.0.1:{self.network.port}")
        try:
            yield Tabs(context)
        finally:
            await context.close()


class Tabs:
    """The tabs of one browser."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.open: list[Tab] = []

    async def tab(
        self,
        variant: str = "ours",
        *,
        items: str = "",
        links: str = "",
        hold: str = "",
        silence_ms: int = 0,
        prepare: Callable[[Page], Any] | None = None,
    ) -> "Tab":
        page = await self.context.new_page()
        tab = Tab(page)
        self.open.append(tab)
        if prepare is not None:
            await prepare(page)
        asked = {"variant": variant, "items": items, "links": links, "hold": hold}
        await page.goto(f"/page/?{urlencode(asked | {'silence': silence_ms})}")
        return tab

    async def plain(self, item: str) -> "Tab":
        """A tab with the page that has no framework."""
        tab = Tab(await self.context.new_page())
        self.open.append(tab)
        await tab.page.goto(f"/plain/{item}")
        return tab

    def connections(self) -> list["Tab"]:
        """The tabs that hold a WebSocket; one that holds two is there twice."""
        return [tab for tab in self.open for socket in tab.sockets if not socket.is_closed()]


class Tab:
    """A page, the requests it has made, and what came over its WebSockets."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[Request] = []
        self.sockets: list[WebSocket] = []
        self.frames: list[str] = []
        page.on("request", self._asked)
        page.on("websocket", self._opened)

    def _asked(self, request: Request) -> None:
        self.requests.append(request)

    def _opened(self, socket: WebSocket) -> None:
        self.sockets.append(socket)
        socket.on("framereceived", lambda text: self.frames.append(str(text)))

    def asked_for(self, item: str) -> int:
        """How often the page has asked for `item`."""
        return sum(f"/api/items/{item}" in request.url for request in self.requests)

    async def is_open(self) -> None:
        """Return once the page hears the stream."""
        await self.page.wait_for_function("window.state === 'open'", timeout=20_000)

    async def shows(self, item: str, value: int, within_s: float = PATIENCE_S) -> bool:
        """Whether the page comes to show `value`."""
        try:
            await self.page.wait_for_function(
                """([item, value]) =>
                    document.querySelector(`[data-item="${item}"]`)?.textContent === value""",
                arg=[item, str(value)],
                timeout=within_s * 1000,
            )
        except Exception as error:
            if "Timeout" in type(error).__name__:
                return False
            raise
        return True

    async def shown_at(self, item: str, value: int) -> float:
        """When it first showed `value`, in ms."""
        at: float = await self.page.evaluate(
            """([item, value]) =>
                window.seen.find((each) => each.id === item && each.value === value).at""",
            [item, str(value)],
        )
        return at

    def invalidations(self) -> int:
        """How many messages of its socket told that something was invalidated."""
        return sum('"tags"' in frame for frame in self.frames)

    async def close(self) -> None:
        await self.page.close()


async def until(condition: Callable[[], object], within_s: float = 10.0) -> None:
    """Return once `condition()` holds."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    if not os.access(CHROMIUM, os.X_OK):
        raise NoBrowser(f"no {CHROMIUM}; on Debian: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()
