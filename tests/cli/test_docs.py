"""The pages for operators: every example runs, every table lists what there is."""

import inspect
import json
import re
import shlex
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from keepwarm import Cache, Policy
from keepwarm.cli.app import app as command
from keepwarm.dashboard.api import admin
from keepwarm.setup import read_environment
from keepwarm.stores.redis.server import EmbeddedServer

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("operating.md", "configuration.md")
TOKEN = "an-operators-token"


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def first_column(page: str, heading: str) -> set[str]:
    """The names in the first column of the tables under a heading."""
    text = (DOCS / page).read_text(encoding="utf-8")
    section = re.split(r"^#+ ", text.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.M)[0]
    cells = re.findall(r"^\| ([^|]+) \|", section, re.M)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.parametrize("page", PAGES)
async def test_the_python_runs(page: str) -> None:
    examples = blocks(page, "python")
    assert examples
    for example in examples:
        names: dict[str, Any] = {}
        exec(compile(example, page, "exec"), names)
        if "app" in names:
            transport = httpx.ASGITransport(names["app"])
            async with httpx.AsyncClient(transport=transport, base_url="http://app.test") as client:
                answers = [await client.get("/characters/5") for _ in range(2)]
            assert [a.headers["x-cache"] for a in answers] == ["MISS", "HIT"]
        await names["cache"].aclose()


async def test_the_commands_run() -> None:
    commands = [
        shlex.split(line)[2:]
        for block in blocks("operating.md", "console")
        for line in block.splitlines()
        if line.startswith("$ keepwarm ")
    ]
    names = {each.name or each.callback.__name__ for each in command.registered_commands}  # type: ignore[union-attr]
    # The proxy runs until it is told to stop: docs/proxy.md, tests/proxy/test_command.py. The
    # audit is about an app: docs/http.md, tests/cli/test_audit.py.
    assert {words[0] for words in commands} == names - {"proxy", "audit"}
    with EmbeddedServer() as server:
        async with Cache(server.url, policies={"plain": Policy(ttl="1h")}) as cache:
            await cache.set("characters:detail:5", 1, "plain", tags=["character:5"])
        for words in commands:
            result = CliRunner().invoke(command, words, env={"REDIS_URL": server.url})
            assert result.exit_code == 0, (words, result.output)


async def test_the_json_has_the_fields_it_shows() -> None:
    shown = [json.loads(block) for block in blocks("operating.md", "json")]
    async with Cache("memory://") as cache:
        transport = httpx.ASGITransport(admin(cache, TOKEN), client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            ack = await client.post("/invalidate", json={"tags": ["x"]}, headers=headers)
            health, metrics = await client.get("/health"), await client.get("/metrics")

    assert ack.json().keys() == shown[0].keys()
    assert health.json().keys() - {"notes"} == shown[1].keys()
    assert health.json()["cache"].keys() == shown[1]["cache"].keys()
    assert metrics.json()["cache"].keys() == shown[2]["cache"].keys()
    assert metrics.json().keys() == first_column("operating.md", "Metrics") | {"cache"}


def test_the_tables_list_every_endpoint() -> None:
    paths = {route.path for route in admin(Cache("memory://"), TOKEN).routes}  # type: ignore[attr-defined]

    assert {cell.split()[1] for cell in first_column("operating.md", "Endpoints")} == paths


@pytest.mark.parametrize("heading, kind", [("Cache", Cache), ("Policy", Policy)])
def test_the_tables_list_every_setting(heading: str, kind: type) -> None:
    parameters = set(inspect.signature(kind).parameters) - {"clock", "times"}  # for tests
    listed = {name for name in first_column("configuration.md", heading) if "://" not in name}

    assert listed == parameters


def test_the_table_lists_every_variable() -> None:
    said = inspect.getdoc(read_environment) or ""
    variables = set(re.findall(r"\b(?:REDIS|CACHE)_[A-Z]+\b", said))

    assert first_column("configuration.md", "Environment") == variables
