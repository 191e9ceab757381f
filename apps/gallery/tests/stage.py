"""A running Gallery with a store that can be taken away, and visitors in a real browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    sync_playwright,
)

from gallery.data.seeding import DEMO_PASSWORD
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.faults import FaultProxy

ROOT = Path(__file__).parents[3]
NAIVE = ROOT / ".run" / "naive"
BESIDE = Path(__file__).with_name("beside.py")
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
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 412, "height": 823}


class Stage:
    """One process of Gallery, its store behind a network that tests may cut, and a browser."""

    browser: Browser
    address: str
    #: Of a second process on the same data and store, if there is one.
    far: str

    def __init__(self, data: Path, *, with_naive: bool = False, with_far: bool = False) -> None:
        self._data = data
        self._with_far = with_far
        self._command = [str(BESIDE)] if with_naive else ["-m", "gallery"]
        self._stack = ExitStack()
        self.store = EmbeddedServer(tcp=True)

    def __enter__(self) -> Self:
        build()
        if BESIDE.name in self._command[0]:
            build_naive()
        self.store.start()
        self._stack.callback(self.store.stop)
        self.network = FaultProxy(self.store.url).start()
        self._stack.callback(self.network.close)
        self.address = self._start(self.network.url)
        if self._with_far:
            self.far = self._start(self.network.url)
        playwright = self._stack.enter_context(sync_playwright())
        self.browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        self._stack.callback(self.browser.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self, store: str) -> str:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        given = {"GALLERY_DATA": str(self._data), "GALLERY_SIZE": "small", "PORT": "0"}
        process = subprocess.Popen(
            [sys.executable, *self._command],
            env={**kept, **given, "REDIS_URL": store, "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self._data,
        )

        def end() -> None:
            process.terminate()
            process.communicate(timeout=30)

        self._stack.callback(end)
        assert process.stdout is not None
        output = ""
        for line in process.stdout:
            output += line
            if "Ctrl-C" in line:
                break
        found = re.search(r"http://127\.0\.0\.1:\d+", output)
        assert found, output
        return found[0]

    def api(self, address: str | None = None) -> httpx.Client:
        """Somebody without a browser."""
        return httpx.Client(base_url=address or self.address, trust_env=False, timeout=20)

    @contextmanager
    def visit(
        self, *, size: ViewportSize = DESKTOP, scheme: str = "light", **given: Any
    ) -> Iterator[Visit]:
        context = self.browser.new_context(
            base_url=self.address,
            viewport=size,
            color_scheme="dark" if scheme == "dark" else "light",
            **given,
        )
        try:
            yield Visit(context)
        finally:
            context.close()


class Visit:
    """A visitor: one page, what it asked for, and what its console complained of."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.page.set_default_timeout(30_000)  # several people's tests share two cores
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", self._asked)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _asked(self, request: Request) -> None:
        self.requests.append(f"{request.method} {request.url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location.get('url')})")

    def asked(self, part: str) -> list[str]:
        """The requests with `part` in their address."""
        return [each for each in self.requests if part in each]

    def goes(self, path: str) -> None:
        self.page.goto(path)
        self.page.wait_for_selector("main h1, main h2")

    def is_ready(self) -> None:
        """Return once the script has taken the page over."""
        self.page.wait_for_function(
            """() => Object.keys(document.querySelector('main') ?? {})
                .some((key) => key.startsWith('__react'))"""
        )

    def settles(self) -> None:
        """Return once no list is shown in the place of another."""
        self.page.wait_for_function("() => !document.querySelector('[aria-busy=true]')")

    def signs_in(self, username: str = "u7", password: str = DEMO_PASSWORD) -> None:
        self.page.goto("/sign-in")
        self.page.get_by_label("Name").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("main").get_by_role("button", name="Sign in").click()
        self.page.get_by_role("button", name=username, exact=True).wait_for()

    def heading(self) -> str:
        return self.page.locator("main h1").first.inner_text()


def build() -> None:
    """Today's front end."""
    made = subprocess.run(["scripts/built.sh"], cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr


def build_naive() -> None:
    """The page to compare with."""
    made = subprocess.run(
        ["scripts/web.sh", "npx", "vite", "build", "--logLevel", "warn", "gallery/naive"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr


def axe() -> str:
    """The source of axe-core, which finds what keeps people out."""
    made = subprocess.run(
        ["scripts/audit.sh", "node", "-p", "require.resolve('axe-core/axe.min.js')"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    return Path(made.stdout.strip()).read_text()


def a_picture() -> Path:
    """A photograph to upload."""
    from PIL import Image

    path = Path(tempfile.mkdtemp(prefix="gallery-")) / "hill.png"
    image = Image.new("RGB", (300, 240))
    image.putdata([(x % 256, y % 256, (x * y) % 256) for y in range(240) for x in range(300)])
    image.save(path)
    return path
