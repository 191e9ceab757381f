"""`keepwarm dictionary train` against a real server, and caches that use what it made."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from keepwarm import Cache, ConfigurationError, Policy
from keepwarm.cli.app import app
from keepwarm.stores.redis.server import EmbeddedServer

POLICIES = {"plain": Policy(ttl="10m")}
ROWS = [
    {"id": n, "name": f"Name {n * 7919 % 1000}", "species": "owl" if n % 2 else "fox",
     "blurb": f"They keep the {n % 13}th lantern of the old harbour, and the {n % 7} winds.",
     "tags": ["night", "harbour", "lantern"][: n % 3 + 1]}
    for n in range(400)
]  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tcp=True) as server:
        yield server


def run(*arguments: str, **changes: str) -> Result:
    cleared = {name: None for name in os.environ if name.startswith(("REDIS_", "CACHE_"))}
    return CliRunner().invoke(app, ("dictionary", "train", *arguments), env=cleared | changes)


def told(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def files_in(directory: Path) -> list[str]:
    for row in ROWS:
        (directory / f"{row['id']}.json").write_text(json.dumps(row))
    return [str(path) for path in sorted(directory.glob("*.json"))]


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    out = tmp_path / "made.dictionary"
    told(run(*files_in(tmp_path), "--out", str(out), "--size", "4KiB", "--json"))
    return out


def test_it_learns_from_files_and_tells_the_gain(tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = told(run(*files_in(tmp_path), "--out", str(out), "--size", "4KiB", "--json"))

    assert found["bytes"] == out.stat().st_size <= 4096
    assert (found["samples"], found["measured"]) == (400, 80)
    assert found["withDictionaryBytes"] < found["compressedBytes"] / 2
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


async def test_it_learns_from_the_store_and_a_cache_reads_and_writes_with_it(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    """And what was written without it is still read."""
    out = tmp_path / "out"
    async with Cache(server.url, namespace="dict", policies=POLICIES) as before:
        for row in ROWS:
            await before.set(f"row:{row['id']}", row, "plain")
    told(
        run("--out", str(out), "--size", "4KiB", "--json",
            REDIS_URL=server.url, CACHE_NAMESPACE="dict")
    )  # fmt: skip

    async with Cache(server.url, namespace="dict", policies=POLICIES, dictionary=out) as cache:
        assert await cache.get("row:7") == ROWS[7]
        await cache.set("new", ROWS[8], "plain")
        assert await cache.get("new") == ROWS[8]
    async with Cache(server.url, namespace="dict", policies=POLICIES) as without:
        assert await without.get("new") is None  # it names a dictionary that is not configured
        assert await without.get("row:7") == ROWS[7]


def test_too_few_values_are_refused(tmp_path: Path) -> None:
    result = run(*files_in(tmp_path)[:5], "--out", str(tmp_path / "out"))

    assert result.exit_code == 1
    assert not (tmp_path / "out").exists()


def test_a_file_is_replaced_only_if_that_is_asked_for(trained: Path, tmp_path: Path) -> None:
    content = trained.read_bytes()
    files = files_in(tmp_path)[:200]

    assert run(*files, "--out", str(trained)).exit_code == 2
    assert trained.read_bytes() == content
    assert run(*files, "--out", str(trained), "--force").exit_code == 0
    assert trained.read_bytes() != content
    assert stat.S_IMODE(trained.stat().st_mode) == 0o600


def test_no_link_is_followed(tmp_path: Path) -> None:
    """Else whoever may write to the directory chooses what is overwritten."""
    target = tmp_path / "precious"
    (tmp_path / "out").symlink_to(target)

    assert run(*files_in(tmp_path), "--out", str(tmp_path / "out")).exit_code == 2
    assert not target.exists()


def test_what_is_no_dictionary_is_refused_when_the_cache_is_made(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no dictionary")

    for path in (tmp_path / "text", tmp_path / "missing"):
        with pytest.raises(ConfigurationError, match="dictionary"):
            Cache(dictionary=path)


def test_the_environment_names_one_and_never_repeats_it(trained: Path) -> None:
    cache = Cache.from_env(
        {"CACHE_DICTIONARY": f"{trained}, {trained.name}-none"[: len(str(trained))]}
    )
    assert cache.enabled
    with pytest.raises(ConfigurationError) as caught:
        Cache.from_env({"CACHE_DICTIONARY": "/nowhere/secret-name"})
    assert "secret-name" not in str(caught.value)
