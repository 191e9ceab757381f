"""A whole Gallery for each test, on each database, and visitors who use it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from databases import ADMIN_PASSWORD, REFERENCE
from fastapi import FastAPI

from gallery.app import create_app
from gallery.data.seeding import DEMO_PASSWORD
from gallery.settings import Settings

ADDRESS = "http://gallery.test"
HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before `-m` deselects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On PostgreSQL with `make test-more`: what differs there is tested in `tests/data`."""
    for item in items:
        parameters = getattr(item, "callspec", None)
        if HERE in item.path.parents and parameters and "postgresql" in parameters.id:
            item.add_marker(pytest.mark.more)


class Visitor(httpx.AsyncClient):
    """A browser's worth of cookies, and the token that its writes carry."""

    def __init__(self, app: FastAPI, address: str = ADDRESS) -> None:
        super().__init__(transport=httpx.ASGITransport(app=app), base_url=address)
        self.user: dict[str, Any] | None = None

    async def sign_in(self, username: str, password: str = DEMO_PASSWORD) -> "Visitor":
        answer = await self.post(
            "/api/auth/login", json={"username": username, "password": password}
        )
        assert answer.status_code == 200, answer.text
        self.user = answer.json()["user"]
        self.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        return self

    async def read(self, path: str, **query: Any) -> Any:
        """The JSON of a GET that must succeed."""
        answer = await self.get(path, params=query or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def cached(self, path: str, **query: Any) -> str:
        """What X-Cache says of a GET."""
        answer = await self.get(path, params=query or None)
        assert answer.status_code == 200, answer.text
        return answer.headers["X-Cache"]

    async def own_character(self, **changed: Any) -> dict[str, Any]:
        """A new character of this visitor's."""
        wanted = {
            "name": "Wren of the Tests",
            "description": "Wren waited. Then Wren was read.",
            "attributes": {"species": "elf", "mood": "sly"},
            "tags": ["testing"],
        }
        answer = await self.post("/api/characters", json={**wanted, **changed})
        assert answer.status_code == 201, answer.text
        return answer.json()


class Site:
    """A running app whose clock the test moves."""

    def __init__(self, settings: Settings, stack: AsyncExitStack, **parts: Any) -> None:
        self.now = REFERENCE
        self.app = create_app(settings, clock=lambda: self.now, **parts)
        self._stack = stack

    @property
    def cache(self) -> Any:
        return self.app.state.cache

    @property
    def database(self) -> Any:
        return self.app.state.parts.database

    async def visitor(self, username: str | None = None, address: str = ADDRESS) -> Visitor:
        visitor = await self._stack.enter_async_context(Visitor(self.app, address))
        if username == "admin":
            return await visitor.sign_in("admin", ADMIN_PASSWORD)
        return await visitor.sign_in(username) if username else visitor


@asynccontextmanager
async def opened(database_url: str, data: Path, **given: Any) -> AsyncIterator[Site]:
    """A Gallery on that database; `cache_url` and parts of `create_app` may be given."""
    settings = Settings(
        database_url=database_url,
        data=data,
        cache={"url": given.pop("cache_url", "memory://")},
        generation_workers=given.pop("workers", 1),
        writes=given.pop("writes", "outbox"),
    )
    async with AsyncExitStack() as stack:
        site = Site(settings, stack, **given)
        await stack.enter_async_context(site.app.router.lifespan_context(site.app))
        yield site


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    """A Gallery with the small seeded world, cached in memory."""
    async with opened(database_url, tmp_path) as site:
        yield site


@pytest.fixture
def open_site(database_url: str, tmp_path: Path) -> Callable[..., Any]:
    """Opens Galleries on the same database, one after the other or side by side."""

    def open_one(**given: Any) -> Any:
        return opened(database_url, tmp_path, **given)

    return open_one
