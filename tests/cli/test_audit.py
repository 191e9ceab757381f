"""`keepwarm audit`: of an app that is loaded here, and of one that runs."""

import json
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from typer.testing import CliRunner

from keepwarm import Cache, HTTPCache, Shared
from keepwarm.cli.app import app as command
from keepwarm.dashboard.api import admin

DONE, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3
TOKEN = "an-operators-token"


def run(*arguments: str, code: int = DONE, **environment: str) -> Any:
    """The JSON that `keepwarm audit` says."""
    result = CliRunner().invoke(command, ["audit", "--json", *arguments], env=environment)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def told(*arguments: str, code: int = DONE) -> str:
    """What it says of an app that it loads, which is to be the only one of its process."""
    done = subprocess.run(
        [sys.executable, "-m", "keepwarm.cli", "audit", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done
    return done.stdout


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with an app whose /wide is shared although it greets by cookie."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text(
        textwrap.dedent(
            """
            from contextlib import asynccontextmanager
            from fastapi import FastAPI, Request
            from keepwarm import HTTPCache, PerUser, Shared

            started = []

            @asynccontextmanager
            async def lifespan(app):
                started.append(app)
                yield

            def make(wide=Shared(ttl="1m")):
                app = FastAPI(lifespan=lifespan)

                @app.get("/wide")
                async def greets(request: Request):
                    assert started
                    return request.cookies.get("session")

                @app.get("/same")
                async def same():
                    return "same"

                @app.get("/items/{number}")
                async def item(number: int, request: Request):
                    return request.headers["authorization"]

                routes = {"/wide": wide, "/same": Shared(), "/items/{number}": Shared()}
                app.add_middleware(HTTPCache, routes=routes)
                return app

            app = make()

            def kept_apart():
                return make(PerUser(ttl="1m", cookies=["session"]))

            async def none(scope, receive, send):
                raise RuntimeError("no lifespan, no cache")
            """
        )
    )


WIDE = {"route": "/wide", "policy": "Shared", "read": ["cookie:session"]}
ITEM = {"route": "/items/{number}", "policy": "Shared", "read": ["authorization"]}


@pytest.mark.usefixtures("shop")
class TestLoaded:
    def test_a_route_wider_than_what_it_reads_is_listed(self) -> None:
        found = json.loads(told("--json", "shop:app", code=FAILED))

        assert found["findings"] == [WIDE]
        assert found["ok"] is False
        assert found["seen"] == ["/same", "/wide"]
        assert found["unseen"] == ["/items/{number}"]

    def test_a_route_with_parameters_is_asked_by_an_address_of_it(self) -> None:
        text = told("--json", "shop:app", "--path", "/items/5", code=FAILED)

        assert json.loads(text)["findings"] == [ITEM, WIDE]

    def test_who_keeps_users_apart_has_nothing_to_mend(self) -> None:
        found = json.loads(told("--json", "shop:kept_apart()"))

        assert (found["ok"], found["findings"]) == (True, [])

    @pytest.mark.parametrize("target", ["shop", "shop:gone", "gone:app", "shop:none"])
    def test_what_is_no_app_with_a_cache_is_wrong_usage(self, target: str) -> None:
        assert json.loads(told("--json", target, code=USAGE))["error"]["code"] == "usage"

    def test_people_are_told_too(self) -> None:
        text = told("shop:app", code=FAILED)

        assert "/wide  Shared" in text
        assert "cookie:session" in text


@pytest.fixture
def address() -> Iterator[str]:
    """A running app, with its admin at the usual place."""
    cache = Cache("memory://")
    app = FastAPI()

    @app.get("/wide")
    async def greets(request: Request) -> str | None:
        return request.cookies.get("session")

    app.mount("/api/cache", admin(cache, TOKEN))
    front = HTTPCache(app, cache, routes={"/wide": Shared(ttl="1m")})
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = uvicorn.Server(uvicorn.Config(front, log_level="error", proxy_headers=False))
        thread = threading.Thread(target=server.run, args=([sock],))
        thread.start()
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)


def test_a_running_app_tells_what_it_has_seen(address: str) -> None:
    assert run(address)["unseen"] == ["/wide"]
    httpx.get(f"{address}/wide", cookies={"session": "ann"})

    assert run(address, code=FAILED)["findings"] == [WIDE]
    assert run(f"{address}/api/cache/", code=FAILED, CACHE_ADMIN_TOKEN=TOKEN)["findings"] == [WIDE]


def test_an_app_that_is_not_there_is_unreachable(address: str) -> None:
    assert "answered 404" in run(f"{address}/gone", code=UNREACHABLE)["error"]["message"]
    assert run("http://127.0.0.1:1", code=UNREACHABLE)["error"]["code"] == "unreachable"
    assert run("ftp://127.0.0.1", code=USAGE)["error"]["code"] == "usage"
    assert run(address, "--path", "/x", code=USAGE)["error"]["code"] == "usage"
