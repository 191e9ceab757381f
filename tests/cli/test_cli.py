"""The `keepwarm` command against a real server: what it says, does and exits with."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import Result
from typer.testing import CliRunner

from keepwarm import Cache, Policy
from keepwarm.cli.app import app
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.servers import ManagedServer, free_port

POLICIES = {"plain": Policy(ttl="10m", stale_while_revalidate="1h")}
DONE, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3
STORE_VARIABLES = ("REDIS_", "CACHE_")

Run = Callable[..., Result]
Beside = Callable[..., Awaitable[Result]]


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tcp=True) as server:
        yield server


@pytest.fixture
def environment(server: EmbeddedServer) -> dict[str, str | None]:
    """The variables of an operator's shell; None removes what this machine has set."""
    cleared = {name: None for name in os.environ if name.startswith(STORE_VARIABLES)}
    return cleared | {"REDIS_URL": server.url, "CACHE_NAMESPACE": "gallery", "COLUMNS": "200"}


@pytest.fixture
def run(environment: dict[str, str | None]) -> Run:
    def invoke(*arguments: str, **changes: str | None) -> Result:
        return CliRunner().invoke(app, arguments, env=environment | changes)

    return invoke


@pytest.fixture
def beside(run: Run) -> Beside:
    """As `run`, while the app's event loop goes on."""

    async def invoke(*arguments: str, **changes: str | None) -> Result:
        return await asyncio.to_thread(run, *arguments, **changes)

    return invoke


def told(result: Result, code: int = DONE) -> Any:
    """The one JSON document of a command that ended with `code`."""
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


@pytest.fixture
async def cache(server: EmbeddedServer) -> AsyncIterator[Cache]:
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
    async with Cache(server.url, namespace="gallery", policies=POLICIES) as cache:
        yield cache


@pytest.fixture
async def character(cache: Cache) -> Any:
    """A cached function, with characters 1 to 3 stored."""

    @cache("plain", key="characters:detail:{number}", tags=["character:{number}", "characters"])
    async def character(number: int) -> dict[str, str]:
        return {"name": f"Zed the {number}."}

    for number in (1, 2, 3):
        await character(number)
    return character


# Looking.


async def test_keys_lists_one_a_line(character: Any, run: Run) -> None:
    result = run("keys", "characters:detail:?")

    assert result.exit_code == DONE
    assert result.stdout.splitlines() == [f"characters:detail:{n}" for n in (1, 2, 3)]
    assert result.stderr == "3 key(s)\n"


async def test_keys_says_when_there_are_more(character: Any, run: Run) -> None:
    body = told(run("keys", "--limit", "2", "--json"))

    assert body == {"keys": ["characters:detail:1", "characters:detail:2"], "isComplete": False}


async def test_a_glob_in_the_middle_of_a_key_matches_no_other_key(cache: Cache, run: Run) -> None:
    for key in ("a:1:b", "a:2:c", "x:a:1:b"):
        await cache.set(key, 1, "plain")

    assert told(run("keys", "a:*:b", "--json"))["keys"] == ["a:1:b"]


async def test_inspect_tells_the_terms_and_not_the_value(character: Any, run: Run) -> None:
    (body,) = told(run("inspect", "characters:detail:2", "--json"))

    assert body["name"].startswith("gallery:characters:detail:2@")
    assert body["state"] == "fresh"
    assert body["tags"] == ["character:2", "characters"]
    assert 0 <= body["ageSeconds"] < 60
    assert 500 < body["ttlSeconds"] <= 600
    assert body["bytes"] > 50
    assert [(d["kind"], d["name"], d["state"]) for d in body["dependencies"]] == [
        ("key", "characters:detail:2", "current"),
        ("tag", "character:2", "current"),
        ("tag", "characters", "current"),
    ]
    assert "Zed" not in json.dumps(body)
    assert "Zed" not in run("inspect", "characters:detail:2").output


async def test_inspect_shows_the_value_when_asked(character: Any, run: Run) -> None:
    (body,) = told(run("inspect", "characters:detail:2", "--value", "--json"))

    assert body["value"] == {"name": "Zed the 2."}
    assert "Zed the 2." in run("inspect", "characters:detail:2", "--value").stdout


async def test_inspect_names_the_tag_that_changed(cache: Cache, character: Any, run: Run) -> None:
    await cache.invalidate("character:2")

    (body,) = told(run("inspect", "characters:detail:2", "--json"))
    assert body["state"] == "dead: something it depends on was invalidated since"
    states = {d["name"]: d["state"] for d in body["dependencies"]}
    assert states["character:2"] == "changed"
    assert states["characters"] == "current"
    assert told(run("inspect", "characters:detail:1", "--json"))[0]["state"] == "fresh"


async def test_inspect_sees_soft_pattern_and_full_invalidations(
    cache: Cache, character: Any, run: Run
) -> None:
    def state(number: int) -> str:
        return str(told(run("inspect", f"characters:detail:{number}", "--json"))[0]["state"])

    await cache.invalidate("character:1", then="stale")
    assert state(1) == "stale, served while it is refreshed"
    await cache.invalidate_pattern("*:2")
    assert state(2).startswith("dead: a pattern")
    assert state(3) == "fresh"
    await cache.clear()
    assert state(3).startswith("dead: everything was cleared")


async def test_inspect_takes_a_key_as_it_is_and_as_it_is_listed(cache: Cache, run: Run) -> None:
    odd = "odd key *\n\x1b[31m"
    await cache.set(odd, 1, "plain")
    await cache.set("odd key x", 2, "plain")
    (listed,) = [k for k in told(run("keys", "--json"))["keys"] if "0A" in k]

    for key in (odd, listed):
        (body,) = told(run("inspect", key, "--json"))
        assert body["dependencies"] == [{"kind": "key", "name": odd, "state": "current"}]
    assert "\x1b" not in run("inspect", odd).output


async def test_a_tag_is_shown_as_it_is_and_commands_no_terminal(cache: Cache, run: Run) -> None:
    await cache.set("x", 1, "plain", tags=["[red]loud[/red]", "bell\x07"])

    shown = run("inspect", "x").stdout
    assert "[red]loud[/red]  current" in shown
    assert r"bell\x07  current" in shown


async def test_inspect_finds_a_key_too_long_to_be_stored_readably(cache: Cache, run: Run) -> None:
    long = "long:" + "x" * 500
    await cache.set(long, 1, "plain")
    (listed,) = told(run("keys", "long:*", "--json"))["keys"]

    assert told(run("inspect", long, "--json"))[0]["state"] == "fresh"
    assert told(run("inspect", listed, "--json"))[0]["state"] == "fresh"


async def test_inspect_says_what_is_not_ours(
    character: Any, server: EmbeddedServer, run: Run
) -> None:
    name = told(run("inspect", "characters:detail:1", "--json"))[0]["name"]
    with redis.Redis.from_url(server.url) as client:
        client.set(name, b"something else")

    (body,) = told(run("inspect", "characters:detail:1", "--json"))
    assert body["state"].startswith("not an entry of ours")
    assert "tags" not in body


async def test_inspect_of_nothing_fails(cache: Cache, run: Run) -> None:
    assert told(run("inspect", "nothing", "--json"), FAILED)["error"]["code"] == "not-found"


async def test_stats_tells_the_stores_facts(character: Any, run: Run) -> None:
    body = told(run("stats", "--json"))

    assert 0 < body["usedBytes"] < body["limitBytes"] == 512 * 2**20
    assert body["keys"] > 3
    assert "512.0 MiB" in run("stats").stdout


# Changing.


async def test_invalidate_reaches_the_running_app(character: Any, beside: Beside) -> None:
    body = told(await beside("invalidate", "character:2", "character:3", "--json"))

    assert body["acknowledged"] is True
    assert body["level"] == "hard"
    assert body["count"] == 2
    assert [await character.peek(n) is None for n in (1, 2, 3)] == [False, True, True]


async def test_invalidate_by_key(character: Any, beside: Beside) -> None:
    assert told(await beside("invalidate", "--key", "characters:detail:2", "--json"))["count"] == 1
    assert [await character.peek(n) is None for n in (1, 2, 3)] == [False, True, False]


async def test_invalidate_softly(character: Any, beside: Beside) -> None:
    assert told(await beside("invalidate", "character:2", "--stale", "--json"))["level"] == "soft"
    assert "stale" in told(await beside("inspect", "characters:detail:2", "--json"))[0]["state"]


async def test_pattern_previews_and_then_does_it(character: Any, beside: Beside) -> None:
    preview = await beside("pattern", "characters:detail:2", "--dry-run")
    assert preview.stdout == "characters:detail:2\n"
    assert await character.peek(2) is not None

    assert told(await beside("pattern", "*:2", "--json"))["acknowledged"] is True
    assert [await character.peek(n) is None for n in (1, 2, 3)] == [False, True, False]


async def test_clear_needs_a_yes(character: Any, beside: Beside) -> None:
    """Without a terminal nobody can be asked, and a script must not hang."""
    assert (await beside("clear")).exit_code == USAGE
    assert told(await beside("clear", "--json"), USAGE)["error"]["code"] == "usage"
    assert await character.peek(1) is not None

    assert told(await beside("clear", "--yes", "--json"))["acknowledged"] is True
    assert [await character.peek(n) for n in (1, 2, 3)] == [None, None, None]


async def test_another_namespace_is_left_alone(character: Any, beside: Beside) -> None:
    assert (await beside("clear", "--yes", "--namespace", "other")).exit_code == DONE
    assert await character.peek(1) is not None


# Doctor.


async def test_doctor_is_content_with_a_store_of_ours(cache: Cache, run: Run) -> None:
    body = told(run("doctor", "--json"))

    assert body["ok"] is True
    grades = {finding["name"]: finding["grade"] for finding in body["findings"]}
    assert grades == dict.fromkeys(
        (
            "connection",
            "version",
            "memory",
            "eviction",
            "permissions",
            "near tier",
            "epoch",
            "password",
        ),
        "ok",
    )


def test_doctor_tells_what_is_wrong_and_what_to_do(run: Run) -> None:
    with EmbeddedServer(tcp=True, maxmemory_policy="noeviction") as server:
        result = run("doctor", REDIS_URL=server.url)
        body = told(run("doctor", "--json", REDIS_URL=server.url), FAILED)

    assert result.exit_code == FAILED
    assert "✗ eviction" in result.stdout
    assert "→ set maxmemory-policy allkeys-lru or allkeys-lfu" in result.stdout
    assert body["ok"] is False
    assert [f["name"] for f in body["findings"] if f["grade"] == "wrong"] == ["eviction"]


def test_doctor_warns_of_a_store_without_a_limit(run: Run) -> None:
    with EmbeddedServer(tcp=True, maxmemory="0") as server:
        body = told(run("doctor", "--json", REDIS_URL=server.url))

    (memory,) = [f for f in body["findings"] if f["name"] == "memory"]
    assert memory["grade"] == "warning"
    assert "set maxmemory" in memory["advice"]


def test_doctor_works_with_what_a_managed_server_permits(run: Run) -> None:
    with ManagedServer(tcp=True) as server:
        body = told(run("doctor", "--json", REDIS_URL=server.url))

    grades = {finding["name"]: finding["grade"] for finding in body["findings"]}
    assert grades["version"] == grades["memory"] == "note"
    assert grades["permissions"] == "ok"


NOTES = "ZADD, ZSCORE and ZREMRANGEBYSCORE on metadata"


@pytest.mark.parametrize(
    ("withheld", "refused"),
    [
        (("eval", "scan"), f"EVAL, SET and DEL on metadata, {NOTES}, SCAN"),
        (("zadd",), NOTES),
        (("zremrangebyscore",), NOTES),
    ],
    ids=["eval and scan", "zadd", "zremrangebyscore"],
)
def test_doctor_names_the_permissions_that_are_missing(
    run: Run, withheld: tuple[str, ...], refused: str
) -> None:
    with ManagedServer(tcp=True, withheld=withheld) as server:
        body = told(run("doctor", "--json", REDIS_URL=server.url), FAILED)
        with redis.Redis.from_url(server.admin_url) as admin:
            assert list(admin.scan_iter("*doctor*")) == []

    (permissions,) = [f for f in body["findings"] if f["name"] == "permissions"]
    assert permissions["found"] == f"refused: {refused}"


def test_doctor_sends_a_replica_and_a_clusters_node_back(run: Run) -> None:
    with EmbeddedServer(tcp=True) as server:
        with redis.Redis.from_url(server.url) as client:
            client.replicaof("127.0.0.1", 1)
        replica = told(run("doctor", "--json", REDIS_URL=server.url), FAILED)
    arguments = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    with EmbeddedServer(tcp=True, arguments=arguments) as server:
        node = told(run("doctor", "--json", REDIS_URL=server.url), FAILED)

    assert "primary" in replica["findings"][-1]["advice"]
    assert "redis+cluster://" in node["findings"][-1]["advice"]


def test_doctor_leaves_nothing_behind(server: EmbeddedServer, run: Run) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
        run("doctor")
        assert client.dbsize() == 0


# When it cannot.


@pytest.mark.parametrize(
    "command",
    [
        ("doctor",),
        ("stats",),
        ("keys",),
        ("inspect", "x"),
        ("invalidate", "x"),
        ("pattern", "x"),
        ("pattern", "x", "--dry-run"),
        ("clear", "--yes"),
    ],
)
def test_every_verb_says_that_the_store_is_away(run: Run, command: tuple[str, ...]) -> None:
    url = f"redis://:hunter2@127.0.0.1:{free_port()}/0"
    for_people = run(*command, REDIS_URL=url)
    for_scripts = told(run(*command, "--json", REDIS_URL=url), UNREACHABLE)

    assert for_people.exit_code == UNREACHABLE
    assert "nobody listens there" in for_people.stderr
    assert for_scripts["error"]["code"] == "unreachable"
    assert "hunter2" not in for_people.output + str(for_scripts)


@pytest.mark.security("Admin: nothing confidential in reports")
def test_a_refused_password_is_told_and_not_shown(server: EmbeddedServer, run: Run) -> None:
    url = f"redis://:hunter2@127.0.0.1:{server.port}/0"

    for command in ("doctor", "stats", "keys"):
        result = run(command, REDIS_URL=url)
        assert result.exit_code == UNREACHABLE
        assert "(auth)" in result.stderr
        assert "hunter2" not in result.output


def test_a_frozen_store_ends_the_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keepwarm.cli.store.TIMEOUT_S", 0.1)
    with EmbeddedServer(tcp=True) as server:
        server.freeze()
        body = told(run("invalidate", "x", "--json", REDIS_URL=server.url), UNREACHABLE)

    assert body["error"]["code"] == "timeout"


async def test_an_invalidation_that_is_not_confirmed_is_a_failure(run: Run) -> None:
    """A store that is full and evicts nothing answers, and refuses every write."""
    with EmbeddedServer(tcp=True, maxmemory_policy="noeviction") as server:
        async with Cache(server.url, namespace="gallery", policies=POLICIES) as cache:
            await cache.set("x", 1, "plain")
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory", 1)
        for command in (("invalidate", "x"), ("pattern", "x"), ("clear", "--yes")):
            body = told(run(*command, "--json", REDIS_URL=server.url), FAILED)
            assert body["error"]["code"] == "not-acknowledged"
            assert "presume that it was not done" in body["error"]["message"]


@pytest.mark.parametrize(
    "command",
    [
        ("invalidate",),
        ("invalidate", "--stale", "--key", "x"),
        ("pattern", "a[b]"),
        ("keys", "a[b]"),
        ("keys", "--limit", "0"),
        ("keys", "--namespace", "a:b"),
        ("doctor", "--url", "http://127.0.0.1"),
        ("doctor", "--url", "memory://"),
        ("unknown",),
    ],
)
def test_wrong_usage(run: Run, command: tuple[str, ...]) -> None:
    result = run(*command)

    assert result.exit_code == USAGE
    assert "Traceback" not in result.output


def test_without_a_store_it_says_how_to_name_one(run: Run) -> None:
    result = run("keys", REDIS_URL=None)

    assert result.exit_code == USAGE
    assert "--url" in result.stderr
    assert "REDIS_URL" in result.stderr


def test_embedded_finds_the_server_that_runs_here(run: Run) -> None:
    # Not pytest's own folder, which is too long a path for a unix socket.
    with tempfile.TemporaryDirectory(prefix="kw-") as folder:
        base = Path(folder)
        variables = {"REDIS_URL": None, "XDG_RUNTIME_DIR": folder}
        none = run("stats", "--url", "embedded://", **variables)
        assert none.exit_code == UNREACHABLE
        assert "start the app first" in none.stderr
        with EmbeddedServer(base / "keepwarm") as first:
            found = told(run("stats", "--url", "embedded://", "--json", **variables))
            assert found["store"] == str(first.socket_path)
            with EmbeddedServer(base / "keepwarm"):
                two = run("stats", "--url", "embedded://", **variables)
                assert two.exit_code == USAGE
                assert "2 embedded servers" in two.stderr


def test_the_installed_command(server: EmbeddedServer) -> None:
    """As a script calls it: its own process, its output in pipes."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(STORE_VARIABLES)
    }
    command = Path(sys.executable).with_name("keepwarm")
    ended = subprocess.run(
        [command, "stats", "--json"],
        env=environment | {"REDIS_URL": server.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert json.loads(ended.stdout)["limitBytes"] == 512 * 2**20
    assert ended.stderr == ""


def test_doctor_says_when_near_tiers_cannot_be_told_of_changes(run: Run) -> None:
    with ManagedServer(withheld=("ssubscribe",)) as server:
        body = told(run("doctor", "--json", REDIS_URL=server.url))

    (finding,) = (f for f in body["findings"] if f["name"] == "near tier")
    assert finding["grade"] == "warning"
    assert "+ssubscribe" in finding["advice"]
