"""Keys, tags and patterns: what a user types changes nothing but which entry is his."""

import asyncio
import itertools
import unicodedata
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
import redis

from keepwarm import Cache, ConfigurationError, KeyTemplateError, Reason, collect, escape
from keepwarm.stores.redis import scripts
from keepwarm.stores.redis.scripts import Script

from .conftest import POLICIES

Open = Callable[..., Cache]
security = pytest.mark.security

HOSTILE = "\r\n*1\r\n$8\r\nFLUSHALL\r\n"


async def each_gets_its_own(cache: Cache, values: list[Any]) -> None:
    """Every value, used as an argument twice, gets the answer made for it."""
    calls: list[Any] = []

    @cache("p", key="of:{value}", tags=["of"])
    async def of(value: Any) -> int:
        calls.append(value)
        return len(calls)

    first = [await of(value) for value in values]
    again = [await of(value) for value in values]
    assert list(range(1, len(values) + 1)) == first == again
    assert len({of.key(value) for value in values}) == len(values)


@security("Keys: parts differ")
async def test_parts_with_separators_in_them_differ(open_cache: Open) -> None:
    parts = ["x:y", "z", "x", "y:z", "", ":", "x:", "%3A", "x%3Ay", "~s", "x:y:z", "?", "y"]
    async with open_cache() as cache:

        @cache("p", key="pair:{a}:{b?}")
        async def pair(a: str, b: str | None = None) -> list[str | None]:
            return [a, b]

        pairs = [*itertools.product(parts, [*parts, None])]
        for _ in range(2):
            for a, b in pairs:
                assert await pair(a, b) == [a, b]
        assert len({pair.key(a, b) for a, b in pairs}) == len(pairs)


USERS = [
    "*",
    "?",
    "[a-z]",
    "\\",
    "\\*",
    "bob",
    "b?b",
    "b*",
    "[b]ob",
    "a:bob",
    "bob:x",
    "**",
    "!",
    "",
]


@security("Keys: globs stay values")
@pytest.mark.parametrize("user", USERS)
async def test_a_pattern_with_a_user_in_it_touches_only_that_user(
    open_cache: Open, user: str
) -> None:
    async with open_cache() as cache:
        calls: list[str] = []

        @cache("p", key="user:{name}:{page}")
        async def profile(name: str, page: int) -> str:
            calls.append(name)
            return name

        for name in USERS:
            await profile(name, 0)
        pattern = f"user:{escape(user)}:*"
        preview = await cache.invalidate_pattern(pattern, dry_run=True)
        assert preview.matched == (profile.key(user, 0),)
        await cache.invalidate_pattern(pattern)
        calls.clear()
        for name in USERS:
            await profile(name, 0)
        assert calls == [user]


@security("Keys: globs stay values")
@pytest.mark.parametrize("user", USERS)
async def test_a_key_or_tag_with_a_user_in_it_touches_only_that_user(
    open_cache: Open, user: str
) -> None:
    async with open_cache() as cache:
        calls: list[str] = []

        @cache("p", key="user:{name}", tags=["user:{name}"])
        async def profile(name: str) -> str:
            calls.append(name)
            return name

        for forget in (lambda: profile.invalidate(user), lambda: cache.invalidate(f"user:{user}")):
            for name in USERS:
                await profile(name)
            await forget()
            calls.clear()
            for name in USERS:
                await profile(name)
            assert calls == [user]


@security("Keys: types differ")
async def test_values_of_different_types_are_different_arguments(open_cache: Open) -> None:
    async with open_cache() as cache:
        await each_gets_its_own(cache, [1, "1", None, "", b"1", True, 1.0, "None", "True", "~none"])


@security("Keys: types differ")
def test_what_has_an_address_is_refused_when_declared() -> None:
    class Request: ...

    with pytest.raises(KeyTemplateError, match="has no stable form"):

        @Cache(policies=POLICIES)("p", key="of:{request}")
        async def of(request: Request) -> int:
            return 1


@security("Keys: normal forms and case differ")
async def test_normal_forms_and_case_are_different_arguments(open_cache: Open) -> None:
    name = "José Ångström"
    forms = [unicodedata.normalize(form, name) for form in ("NFC", "NFD")]
    async with open_cache() as cache:
        await each_gets_its_own(cache, [*forms, name.lower(), name.upper(), "ﬁ", "fi", "ß", "ss"])


@security("Keys: control characters", "Keys: lone surrogates")
async def test_odd_characters_are_data(open_cache: Open, intruder: redis.Redis) -> None:
    odd = ["\0", "a\0", "a\0b", "\r", "\n", "\r\n", HOSTILE, "\x1b[2J", "\x7f", "\u2028"]
    odd += ["\ud800", "\udfff", "\udfff\ud800", "\ud83d\ude00", "\U0001f600", "%ED%A0%80"]
    intruder.set("canary", 1)
    async with open_cache() as cache:
        await each_gets_its_own(cache, odd)
        for text in odd:
            await cache.set(text, text.encode("utf-8", "surrogatepass"), "p", tags=[text])
        for text in odd:
            assert await cache.get(text) == text.encode("utf-8", "surrogatepass")
        await cache.invalidate(*odd)
        assert [await cache.get(text) for text in odd] == [None] * len(odd)
        assert cache.stats().errors == 0
    assert intruder.get("canary") == b"1"


@security("Keys: megabyte keys")
async def test_megabyte_keys_are_told_apart(open_cache: Open, intruder: redis.Redis) -> None:
    megabyte = "é" * 2**19
    async with open_cache() as cache:
        await each_gets_its_own(cache, [megabyte, megabyte + "x", "x" + megabyte, megabyte.upper()])
        await cache.set(megabyte, 1, "p", tags=[megabyte])
        assert await cache.get(megabyte) == 1
        await cache.invalidate(megabyte)
        assert await cache.get(megabyte) is None
    assert max(len(name) for name in intruder.scan_iter()) < 300


IMITATIONS = [
    "{keepwarm}:epoch", "{keepwarm}:pos", "{keepwarm}:patterns", "{keepwarm}:marks", "}:epoch",
    "epoch", ":epoch",
    "{keepwarm}:tag:a", "tag:a", "slot:0000", "pos", "@", "x@00000000", "a:b@c", "{", "}", "{}",
    "{keepwarm}", "{other}:x",
]  # fmt: skip


@security("Keys: no imitation of metadata")
async def test_a_users_key_is_never_named_like_metadata(
    open_cache: Open, intruder: redis.Redis
) -> None:
    async with open_cache() as cache:

        @cache("p", key="{name}")
        async def named(name: str) -> str:
            return name

        await named("the notes of marks begin with the first stamp")
        await cache.invalidate_pattern("nothing:*")
        before = {name for name in intruder.scan_iter() if name.startswith(b"{")}
        for imitation in IMITATIONS:
            await cache.set(imitation, "by hand", "p")
            assert await named(imitation) == imitation
        values = [await cache.get(imitation) for imitation in IMITATIONS]
        assert values == ["by hand"] * len(IMITATIONS)
    names = set(intruder.scan_iter())
    metadata = {name for name in names if name.startswith(b"{")}
    own = (b"epoch", b"pos", b"patterns", b"marks")
    assert {b"{keepwarm}:" + name for name in own} <= before
    assert all(name.startswith(b"{keepwarm}:slot:") for name in metadata - before)
    entries = names - metadata
    assert len(entries) == 2 * len(IMITATIONS) + 1
    assert all(name.startswith(b"keepwarm:") for name in entries)
    assert not any(set(name) & set(b"{}") for name in entries)


@security("Keys: namespaces differ")
async def test_namespaces_do_not_meet(open_cache: Open) -> None:
    with pytest.raises(ConfigurationError, match="namespace="):
        open_cache(namespace="a:b")
    names = ["a", "a.b", "a-b", "ab", "A", "a_"]
    caches = [open_cache(namespace=name) for name in names]
    keys = ["b:c", "c", ":b:c", "b:b:c"]
    for cache, key in itertools.product(caches, keys):
        await cache.set(key, [cache.namespace, key], "p", tags=["t"])
    await caches[0].clear()
    await caches[1].invalidate("t")
    for cache, key in itertools.product(caches, keys):
        kept = cache.namespace not in ("a", "a.b")
        assert await cache.get(key) == ([cache.namespace, key] if kept else None)
    for cache in caches:
        await cache.aclose()


@security("Keys: scripts take arguments only")
async def test_the_text_of_a_script_never_depends_on_a_key(
    open_cache: Open, intruder: redis.Redis
) -> None:
    """What the server is asked to run is one of a few constants, whatever users type."""
    known = {s for c in vars(scripts).values() if isinstance(c, Script) for s in (c.text, c.sha)}
    evil = "']] redis.call('FLUSHALL') --"
    intruder.execute_command("CONFIG", "SET", "slowlog-log-slower-than", "0")
    intruder.execute_command("CONFIG", "SET", "slowlog-max-len", "10000")
    intruder.execute_command("SLOWLOG", "RESET")
    async with open_cache() as cache:

        @cache("p", key="of:{value}", tags=["of:{value}"])
        async def of(value: str) -> str:
            return value

        assert await of(evil) == evil
        await cache.set(evil, evil, "p", tags=[evil])
        await cache.touch(evil, "p")
        await of.invalidate(evil)
        await cache.invalidate(evil, then="stale")
        await cache.invalidate(evil)
        await cache.invalidate_pattern(f"{escape(evil)}*{evil.replace(']', '')}")
        await cache.delete(evil)
        await cache.clear()
    intruder.execute_command("CONFIG", "SET", "slowlog-log-slower-than", "-1")
    seen = await asyncio.to_thread(slow_log, intruder)
    ran = [words[1] for words in seen if words[0] in ("EVAL", "EVALSHA")]
    # The log cuts long arguments and says so at their end.
    starts = {text[:40] for text in known}
    assert len(ran) >= 8
    assert {text[:40] for text in ran} <= starts
    assert not [words for words in seen if words[0] in ("KEYS", "SCRIPT", "FUNCTION", "FCALL")]


def slow_log(client: redis.Redis) -> list[list[str]]:
    """The words of every command since the reset, oldest first."""
    connection = client.connection_pool.get_connection()
    connection.send_command("SLOWLOG", "GET", "-1")
    entries = connection.read_response()
    client.connection_pool.release(connection)
    words = [[word.decode("utf-8", "replace") for word in entry[3]] for entry in reversed(entries)]
    return [[line[0].upper(), *line[1:]] for line in words]


@security("Keys: delete removes one")
async def test_delete_removes_that_key_only(open_cache: Open) -> None:
    keys = ["a", "ab", "a:b", "a*", "*", "?", "a:*", "A", "a\0", "{a}", "a@", "a%2A", "[a]"]
    async with open_cache() as cache:
        for gone in keys:
            for key in keys:
                await cache.set(key, key, "p")
            await cache.delete(gone)
            found = await cache.get_many(keys)
            assert found == {key: key for key in keys if key != gone}


@security("Keys: tenants fail closed")
@pytest.mark.parametrize("missing", [None, ""])
async def test_a_call_without_its_tenant_is_not_cached_and_counted(
    open_cache: Open, intruder: redis.Redis, missing: str | None
) -> None:
    async with open_cache() as cache:
        calls: list[str | None] = []

        @cache("p", key="t:{tenant!}:{page}", tags=["t:{tenant}"])
        async def listed(tenant: str | None, page: int) -> int:
            calls.append(tenant)
            return len(calls)

        @cache.batch("p", key="t:{tenant!}:{ids}")
        async def cards(tenant: str | None, ids: list[int]) -> dict[int, int]:
            calls.append(tenant)
            return {n: len(calls) for n in ids}

        with collect() as outcomes:
            assert [await listed(missing, 0) for _ in range(2)] == [1, 2]
            assert [await cards(missing, [1]) for _ in range(2)] == [{1: 3}, {1: 4}]
        assert {outcome.reason for outcome in outcomes} == {Reason.NO_TENANT}
        assert cache.stats().reasons[Reason.NO_TENANT] == 4
        assert await listed("acme", 0) == await listed("acme", 0) == 5
    assert not [name for name in intruder.scan_iter() if b"acme" not in name and b"{" not in name]


@security("Keys: flights stay in their tenant")
async def test_a_flight_is_not_shared_across_tenants() -> None:
    tenants = ["acme", "acme:0", "Acme", "other"]
    gate, calls = asyncio.Event(), []
    # In memory nothing is awaited before the flight: one turn of the loop and all have joined.
    async with Cache("memory://", policies=POLICIES, fills=8) as cache:

        @cache("p", key="t:{tenant!}:{page}")
        async def listed(tenant: str, page: str) -> str:
            calls.append(tenant)
            await gate.wait()
            return tenant

        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(listed(t, "0")) for t in tenants for _ in range(5)]
            while len(calls) < len(tenants):
                await asyncio.sleep(0)
            gate.set()
        assert [task.result() for task in waiting] == [t for t in tenants for _ in range(5)]
        assert sorted(calls) == sorted(tenants)


user: ContextVar[str] = ContextVar("user", default="nobody")


@security("Keys: flights lend nothing")
async def test_a_flight_changes_no_callers_context_and_borrows_no_others() -> None:
    """A fill that had to queue behind another's runs in its own caller's context."""
    gate = asyncio.Event()
    seen: dict[str, str] = {}
    # In memory nothing is awaited before the flight: one turn of the loop and all have joined.
    async with Cache("memory://", policies=POLICIES, fills=1) as cache:

        @cache("p", key="of:{name}")
        async def of(name: str) -> str:
            seen[name] = user.get()
            user.set("changed by the fill")
            await gate.wait()
            return name

        async def caller(who: str, name: str) -> tuple[str, str]:
            user.set(who)
            return await of(name), user.get()

        async with asyncio.TaskGroup() as group:
            ann = group.create_task(caller("ann", "a"))
            while "a" not in seen:
                await asyncio.sleep(0)
            joined = group.create_task(caller("bob", "a"))
            queued = group.create_task(caller("cid", "b"))
            await asyncio.sleep(0)
            gate.set()
    assert (ann.result(), joined.result(), queued.result()) == (
        ("a", "ann"),
        ("a", "bob"),
        ("b", "cid"),
    )
    assert seen == {"a": "ann", "b": "cid"}
    assert user.get() == "nobody"


@security("Keys: flights lend nothing")
async def test_outcomes_are_told_only_to_the_caller_they_belong_to(open_cache: Open) -> None:
    async with open_cache() as cache:

        @cache("p", key="of:{name}")
        async def of(name: str) -> str:
            return name

        async def caller(name: str) -> int:
            with collect() as outcomes:
                await of(name)
                await of(name)
            return len(outcomes)

        assert await asyncio.gather(*(caller(name) for name in "abab")) == [2, 2, 2, 2]
