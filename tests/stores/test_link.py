"""The link of a loop to its server under every fault of a connection, through a proxy."""

import asyncio
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from fairness import now_s
from keepwarm.core.entry import Seen
from keepwarm.core.steps import (
    Capture,
    Changed,
    ChangeStamps,
    NewEpoch,
    Ping,
    ReadShared,
)
from keepwarm.core.times import TIMES
from keepwarm.engine.answers import boot_s
from keepwarm.ports import StoreAway
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.faults import FaultProxy
from keepwarm.testing.servers import debian_redis, free_port, valkey
from stores.links import (
    SLACK_S,
    SOON,
    TIMEOUT_S,
    A,
    B,
    back,
    linked,
    mirrored,
    until,
    why_of,
)

# --- bytes ---------------------------------------------------------------------------


async def test_replies_that_drip_byte_by_byte_are_read(proxy: FaultProxy, namespace: str) -> None:
    times = replace(TIMES, operation_s=10.0)
    async with linked(proxy.url, namespace, times=times) as store:
        await store.answer(Ping())
        proxy.drip(0.0005)
        seen, changed = await asyncio.gather(
            store.answer(Capture((A, B))), store.answer(ChangeStamps((B,)))
        )
        proxy.pass_through()

        assert isinstance(seen, Seen)
        assert isinstance(changed, Changed)
        assert proxy.connections == 1


async def test_a_slow_drip_costs_each_request_its_timeout_and_no_more(
    proxy: FaultProxy, namespace: str
) -> None:
    """The server says something all the time, so the connection is kept; nothing is crossed."""
    async with linked(proxy.url, namespace) as store:
        token = await store.answer(Capture((A,)))
        proxy.drip(0.02)
        began = now_s()
        assert await why_of(store.answer(ReadShared((), (A,)))) == "timeout"
        assert now_s() - began < TIMEOUT_S + SLACK_S
        proxy.pass_through()
        await back(store)

        found = await store.answer(ReadShared((), (A,)))

        assert found.stamps == token.stamps  # type: ignore[union-attr]


async def test_a_reply_torn_in_two_at_any_byte_is_no_reply(
    proxy: FaultProxy, namespace: str
) -> None:
    """RST after n bytes, for every n: away or the right answer, then all is well again."""
    times = replace(TIMES, operation_s=2.0, reconnect_s=0.01)
    torn = whole = 0
    async with linked(proxy.url, namespace, times=times) as store:
        expected = (await store.answer(Capture((A,)))).stamps  # type: ignore[union-attr]
        for count in range(0, 340, 4):
            proxy.cut_reply_after(count)
            try:
                seen = await store.answer(ReadShared((), (A,)))
            except StoreAway:
                torn += 1
            else:
                assert seen.stamps == expected  # type: ignore[union-attr]
                whole += 1
            proxy.pass_through()
            await back(store)
    assert torn > 10
    assert whole > 10


async def test_ten_thousand_cancellations_open_no_connection(
    proxy: FaultProxy, admin: Any, namespace: str
) -> None:
    """G7 on the link: 0 reconnects, 0 wrong replies, by the server's own count."""
    dice = random.Random(2)
    names = [f"slot:c{n:03x}" for n in range(40)]
    times = replace(TIMES, operation_s=10.0)
    wrong: list[str] = []
    left = answered = 0
    async with linked(proxy.url, namespace, times=times, is_strict=True) as store:
        own = (await store.answer(Capture(tuple(names)))).stamps  # type: ignore[union-attr]
        before = admin.info("stats")["total_connections_received"]

        async def ask(name: str) -> None:
            nonlocal answered
            seen = await store.answer(ReadShared((), (name,)))
            answered += 1
            if seen.stamps.get(name) != own[name]:  # type: ignore[union-attr]
                wrong.append(name)

        async def caller() -> None:
            nonlocal left
            task = asyncio.ensure_future(ask(dice.choice(names)))
            for _ in range(dice.randrange(8)):
                await asyncio.sleep(0)
            if dice.random() < 0.8:
                task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                left += 1

        for _ in range(40):
            await asyncio.gather(*(caller() for _ in range(250)))
        after = admin.info("stats")["total_connections_received"]

    assert wrong == []
    assert left + answered == 10_000
    assert left > 3_000
    assert answered > 1_500
    assert after == before
    assert proxy.connections == 1


# --- slow and gone -------------------------------------------------------------------


async def test_a_frozen_server_costs_one_timeout_and_then_nothing(namespace: str) -> None:
    """G6: the first request fails within its timeout, the next at once, and it comes back."""
    with valkey(tcp=True) as server:
        async with linked(server.url, namespace) as store:
            await store.answer(Ping())
            server.freeze()
            began = now_s()
            assert await why_of(store.answer(Ping())) == "timeout"
            first_s = now_s() - began
            began = now_s()
            for _ in range(100):
                assert await why_of(store.answer(Ping())) == "timeout"
            next_s = (now_s() - began) / 100
            server.thaw()
            back_s = await back(store)
    print(f"frozen: first {first_s * 1e3:.0f} ms, next {next_s * 1e6:.0f} us")
    assert first_s < TIMEOUT_S + SLACK_S
    assert next_s < 0.005
    assert back_s < 1.0


async def test_a_frozen_server_fails_a_crowd_together(namespace: str) -> None:
    with valkey(tcp=True) as server:
        async with linked(server.url, namespace) as store:
            await store.answer(Ping())
            server.freeze()
            began = now_s()
            found = await asyncio.gather(*(why_of(store.answer(Ping())) for _ in range(200)))
            took_s = now_s() - began
            server.thaw()
    assert set(found) == {"timeout"}
    assert took_s < TIMEOUT_S + SLACK_S


async def test_a_slow_command_of_somebody_else_fails_by_the_clock(namespace: str) -> None:
    """CLIENT PAUSE, or a script that does not end: the server is there and says nothing."""
    with valkey(tcp=True) as server, redis.Redis.from_url(server.url) as admin:
        async with linked(server.url, namespace) as store:
            await store.answer(Ping())
            admin.execute_command("CLIENT", "PAUSE", 700, "ALL")
            began = now_s()
            assert await why_of(store.answer(Capture((A,)))) == "timeout"
            assert now_s() - began < TIMEOUT_S + SLACK_S
            began = now_s()
            assert await why_of(store.answer(Capture((A,)))) == "timeout"
            assert now_s() - began < 0.005
            await back(store)


async def test_a_busy_server_is_away_and_comes_back(namespace: str) -> None:
    """-BUSY: a script of somebody else's runs for ever; after SCRIPT KILL all is well."""
    with valkey(tcp=True, arguments=("--busy-reply-threshold", "20")) as server:

        def run_for_ever() -> None:
            with (
                redis.Redis.from_url(server.url, socket_timeout=30) as client,
                pytest.raises(redis.RedisError),
            ):
                client.eval("while true do end return 1", 0)

        async with linked(server.url, namespace) as store:
            await store.answer(Capture((B,)))
            running = asyncio.create_task(asyncio.to_thread(run_for_ever))

            async def ask_for_ever() -> None:
                while True:
                    await store.answer(Capture((A,)))

            assert await why_of(ask_for_ever()) in ("busy", "timeout")
            with redis.Redis.from_url(server.url) as admin:
                admin.script_kill()
            await running
            await back(store)


async def test_a_black_hole_at_the_start_costs_one_timeout(
    proxy: FaultProxy, namespace: str
) -> None:
    proxy.black_hole()
    async with linked(proxy.url, namespace) as store:
        began = now_s()
        found = await asyncio.gather(*(why_of(store.answer(Ping())) for _ in range(20)))
        assert set(found) == {"timeout"}
        assert now_s() - began < TIMEOUT_S + SLACK_S
        began = now_s()
        assert await why_of(store.answer(Ping())) == "timeout"
        assert now_s() - began < 0.005
        proxy.pass_through()
        await back(store)


async def test_nobody_listening_is_told_at_once_and_noticed_when_somebody_does(
    proxy: FaultProxy, namespace: str
) -> None:
    proxy.refuse()
    async with linked(proxy.url, namespace) as store:
        began = now_s()
        assert await why_of(store.answer(Ping())) == "unreachable"
        assert now_s() - began < SLACK_S
        proxy.pass_through()
        assert await back(store) < 0.5


@pytest.mark.parametrize("how", ["restart", "kill and start"])
async def test_a_restarted_server_is_found_again_and_is_cold(namespace: str, how: str) -> None:
    """Another run id: a new epoch, whatever it loaded."""
    with valkey(tcp=True) as server:
        async with linked(server.url, namespace) as store:
            before = await store.answer(Capture((A,)))
            if how == "restart":
                server.restart()
            else:
                server.kill()
                await asyncio.sleep(0.05)
                assert await why_of(store.answer(Ping())) == "unreachable"
                server.start()
            back_s = await back(store)
            after = await store.answer(Capture((A,)))
    assert back_s < 1.0
    assert after.epoch.nonce != before.epoch.nonce  # type: ignore[union-attr]
    assert after.stamps != before.stamps  # type: ignore[union-attr]


async def test_a_dropped_connection_costs_nobody_an_error_in_the_end(
    proxy: FaultProxy, namespace: str
) -> None:
    """One request may fail with it; the next waits for the new connection and is answered."""
    async with linked(proxy.url, namespace) as store:
        await store.answer(Ping())
        for _ in range(10):
            proxy.drop_connections()
            await until(lambda: not store.is_up or proxy.open == 1)
            await back(store)
            await store.answer(Ping())
        assert proxy.connections >= 11


async def test_scripts_that_the_server_forgot_are_sent_again(
    proxy: FaultProxy, admin: Any, namespace: str
) -> None:
    """NOSCRIPT is no error: restarts and SCRIPT FLUSH forget them."""
    async with linked(proxy.url, namespace, is_strict=True) as store:
        first = await store.answer(Capture((A,)))
        admin.script_flush()
        found = await asyncio.gather(
            store.answer(Capture((A,))),
            store.answer(ChangeStamps((B,))),
            store.answer(NewEpoch()),
            store.answer(Capture((B,))),
        )
        assert found[0].stamps == first.stamps  # type: ignore[union-attr]
        assert store.mirror is not None
        admin.script_flush()
        sent = boot_s()
        await until(lambda: store.mirror.is_live(sent + TIMES.lease_s + 0.1))  # type: ignore[union-attr]
        assert proxy.connections == 1


# --- who we are ----------------------------------------------------------------------


async def test_a_wrong_password_is_said_in_a_word_and_at_once(
    healthy: EmbeddedServer, namespace: str
) -> None:
    async with linked(healthy.url.replace(healthy.password, "wrong"), namespace) as store:
        began = now_s()
        assert await why_of(store.answer(Ping())) == "auth"
        assert now_s() - began < SLACK_S


async def test_no_password_where_one_is_needed(healthy: EmbeddedServer, namespace: str) -> None:
    async with linked(f"redis://127.0.0.1:{healthy.port}/0", namespace) as store:
        assert await why_of(store.answer(Ping())) == "auth"


async def test_the_database_of_the_url_is_used(healthy: EmbeddedServer, namespace: str) -> None:
    async with linked(healthy.url.removesuffix("/0") + "/3", namespace) as store:
        await store.answer(Capture((A,)))
    with redis.Redis.from_url(healthy.url.removesuffix("/0") + "/3") as third:
        assert third.exists(f"{{{namespace}}}:epoch")
    with redis.Redis.from_url(healthy.url) as zeroth:
        assert not zeroth.exists(f"{{{namespace}}}:epoch")


async def test_a_database_that_is_not_there_is_said(
    healthy: EmbeddedServer, namespace: str
) -> None:
    async with linked(healthy.url.removesuffix("/0") + "/9999", namespace) as store:
        assert await why_of(store.answer(Ping())) == "refused-command"


async def test_a_unix_socket_serves_as_well(server: EmbeddedServer, namespace: str) -> None:
    assert server.url.startswith("unix:")
    async with linked(server.url, namespace, times=SOON, is_strict=True) as store:
        assert await mirrored(store, A)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed one for 127.0.0.1, and its key."""
    home = tmp_path_factory.mktemp("tls")
    key, cert = home / "key.pem", home / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


@contextmanager
def with_tls(certificate: tuple[Path, Path]) -> Iterator[str]:
    cert, key = certificate
    port = free_port()
    arguments = ("--tls-port", str(port), "--tls-cert-file", str(cert), "--tls-key-file", str(key))
    more = ("--tls-ca-cert-file", str(cert), "--tls-auth-clients", "no")
    with debian_redis(arguments=(*arguments, *more)) as server:
        yield f"rediss://:{server.password}@127.0.0.1:{port}/0"


@pytest.mark.more
async def test_tls_serves_a_certificate_that_is_trusted(
    certificate: tuple[Path, Path], namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel's Valkey is built without TLS; Debian's Redis has it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with with_tls(certificate) as url:
        async with linked(url, namespace, times=SOON, is_strict=True) as store:
            assert await mirrored(store, A)


@pytest.mark.more
async def test_tls_refuses_a_certificate_that_nobody_vouches_for(
    certificate: tuple[Path, Path], namespace: str
) -> None:
    with with_tls(certificate) as url:
        async with linked(url, namespace) as store:
            assert await why_of(store.answer(Ping())) == "unreachable"


async def test_a_store_that_was_closed_says_so(healthy: EmbeddedServer, namespace: str) -> None:
    async with linked(healthy.url, namespace) as store:
        await store.answer(Ping())
    assert await why_of(store.answer(Ping())) in ("closed", "unreachable")


async def test_an_unused_store_opens_nothing(proxy: FaultProxy, namespace: str) -> None:
    async with linked(proxy.url, namespace):
        await asyncio.sleep(0)
    assert proxy.connections == 0
