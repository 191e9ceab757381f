"""What processes say to each other over a real server: announcements, leases, failovers."""

import asyncio
import contextlib
import os
import time
from dataclasses import replace
from typing import Any

import pytest
import redis

from fairness import now_s
from keepwarm.core.entry import Seen
from keepwarm.core.steps import (
    Capture,
    Changed,
    ChangeStamps,
    Ping,
    ReadShared,
    Renew,
    Settle,
)
from keepwarm.core.times import TIMES
from keepwarm.engine.answers import boot_s
from keepwarm.stores.envelope import Sealing
from keepwarm.stores.redis.aio import AsyncRedis
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.stores.redis.settings import parse_address
from keepwarm.testing.conformance import OnLoop
from keepwarm.testing.faults import FaultProxy
from keepwarm.testing.servers import valkey
from stores.links import (
    SLACK_S,
    SOON,
    A,
    back,
    linked,
    mirrored,
    settled,
    until,
    vouch,
    why_of,
)


def user(admin: Any, *rules: str) -> str:
    """A new ACL user's `name:password`."""
    name = f"u{os.urandom(4).hex()}"
    admin.execute_command("ACL", "SETUSER", name, "on", ">secret", "~*", "&*", "+@all", *rules)
    return f"{name}:secret"


def url_of(server: EmbeddedServer, login: str) -> str:
    return f"redis://{login}@127.0.0.1:{server.port}/0"


@pytest.mark.parametrize("rule", ["-ssubscribe", "resetchannels"])
async def test_who_may_not_listen_validates_and_says_so(
    healthy: EmbeddedServer, admin: Any, namespace: str, rule: str
) -> None:
    """No lease, no mirror, a note; everything else works, and nobody waits for him."""
    login = user(admin, rule)
    async with (
        linked(url_of(healthy, login), namespace, times=SOON, is_strict=True) as store,
        linked(healthy.url, namespace, times=SOON) as writer,
    ):
        await store.answer(Capture((A,)))
        await asyncio.sleep(0.3)  # several heartbeats: none of them may begin a lease
        seen = await store.answer(ReadShared((), (A,)))
        await vouch(writer)
        changed, took_s = await settled(writer, ChangeStamps((A,)))

        assert store.mirror is not None
        assert store.mirror.seen((A,), boot_s()) is None
        assert len(store.mirror) == 0
        assert isinstance(seen, Seen)
        assert any("SSUBSCRIBE" in note for note in store.notes)
        assert changed.holders == ()
        assert took_s < TIMES.lease_s


async def test_who_may_listen_has_nothing_to_note(proxy: FaultProxy, namespace: str) -> None:
    async with linked(proxy.url, namespace, is_strict=True) as store:
        await store.answer(Ping())

        assert store.notes == ()


async def test_who_may_not_publish_says_so(
    healthy: EmbeddedServer, admin: Any, namespace: str
) -> None:
    """Every acknowledgement of his takes a whole lease: an operator should know why."""
    async with linked(
        url_of(healthy, user(admin, "-spublish")), namespace, is_strict=True
    ) as store:
        await store.answer(ChangeStamps((A,)))
        await asyncio.sleep(0.2)

        assert any("SPUBLISH" in note for note in store.notes)


async def test_changes_of_who_may_not_publish_are_waited_out(
    healthy: EmbeddedServer, admin: Any, namespace: str
) -> None:
    """Sound, only slow: holders see the gap in the numbers, or their lease ends."""
    login = user(admin, "-spublish")
    async with (
        linked(healthy.url, namespace, times=SOON, is_strict=True) as near,
        linked(url_of(healthy, login), namespace, times=SOON) as writer,
    ):
        before = await mirrored(near, A)
        await vouch(writer)
        _, took_s = await settled(writer, ChangeStamps((A,)))

        assert near.mirror is not None
        after = near.mirror.seen((A,), boot_s())
        assert after is None or after.stamps != before.stamps
        assert took_s >= TIMES.lease_s


# --- another server, the same connection -----------------------------------------------


@pytest.mark.parametrize("is_strict", [True, False], ids=["strict", "validate"])
async def test_a_server_that_became_a_replica_is_noticed_within_a_heartbeat(
    namespace: str, is_strict: bool
) -> None:
    """REPLICAOF on a live connection breaks nothing that TCP would notice."""
    with valkey(tcp=True) as server, valkey(tcp=True) as primary:
        async with linked(server.url, namespace, times=SOON, is_strict=is_strict) as store:
            if is_strict:
                await mirrored(store, A)
            else:
                await store.answer(Capture((A,)))
            await asyncio.sleep(0.1)
            with redis.Redis.from_url(server.url) as admin:
                admin.execute_command("CONFIG", "SET", "masterauth", primary.password)
                admin.execute_command("REPLICAOF", "127.0.0.1", primary.port)
                noticed_s = await until(lambda: not store.is_up, 3.0)
                away = await why_of(store.answer(ReadShared((), (A,))))
                admin.execute_command("REPLICAOF", "NO", "ONE")
            back_s = await back(store)
    print(f"noticed: {noticed_s * 1e3:.0f} ms, back {back_s * 1e3:.0f} ms")
    assert away in ("read-only", "loading", "no-primary", "timeout", "unreachable")
    assert noticed_s < (TIMES.renew_s if is_strict else TIMES.beat_s) + SLACK_S


async def test_a_failover_to_a_lagging_replica_and_back_is_undone_by_a_heartbeat(
    namespace: str,
) -> None:
    """1. B copies A and lags  2. a change on A is acknowledged  3. A becomes B's replica and
    primary again, with what B had: on the same connection, under the same run id.

    Until the next heartbeat nobody can know (G1 says so). It is sent by hand here: one that
    came while A was a replica would have closed the connection.
    """
    times = replace(TIMES, beat_s=60.0, operation_s=2.0, writer_s=600.0)
    at_once = ("--repl-diskless-sync-delay", "0")
    with contextlib.ExitStack() as stack:
        server, lagging = (
            stack.enter_context(valkey(tcp=True, arguments=at_once)) for _ in range(2)
        )
        a, b = (stack.enter_context(redis.Redis.from_url(s.url)) for s in (server, lagging))
        proxy = stack.enter_context(FaultProxy(server.url))
        a.execute_command("CONFIG", "SET", "masterauth", lagging.password)
        b.execute_command("CONFIG", "SET", "masterauth", server.password)
        async with linked(proxy.url, namespace, times=times) as store:
            before: Any = await store.answer(Capture((A,)))
            b.execute_command("REPLICAOF", "127.0.0.1", server.port)
            await until(lambda: bool(b.exists(f"{{{namespace}}}:{A}")), 15.0)
            b.execute_command("REPLICAOF", "NO", "ONE")
            await store.answer(ChangeStamps((A,)))  # acknowledged; B never hears of it
            a.execute_command("REPLICAOF", "127.0.0.1", lagging.port)
            await until(lambda: a.info("replication").get("master_link_status") == "up", 15.0)
            a.execute_command("REPLICAOF", "NO", "ONE")

            stale: Any = await store.answer(ReadShared((), (A,)))
            await store.answer(Renew())
            seen: Any = await store.answer(ReadShared((), (A,)))

            assert proxy.connections == 1
    assert stale.stamps == before.stamps, "the old stamp did come back, or this shows nothing"
    assert stale.epoch == before.epoch
    assert seen.epoch.nonce != before.epoch.nonce


async def test_a_connection_that_leads_to_another_server_begins_anew(
    proxy: FaultProxy, namespace: str
) -> None:
    """A failover as a proxy or DNS does it: reset, and the next connection is to B and back."""
    with valkey(tcp=True) as other:
        first = proxy.url
        async with linked(first, namespace, times=SOON, is_strict=True) as store:
            at_a = await mirrored(store, A)
            password = parse_address(first).password
            with redis.Redis.from_url(other.url) as admin:
                admin.execute_command("CONFIG", "SET", "requirepass", password)
            home = proxy._url
            proxy.retarget(("127.0.0.1", other.port))
            await back(store)
            at_b = await store.answer(Capture((A,)))
            proxy.retarget(home)
            await back(store)
            again = await store.answer(Capture((A,)))
    assert at_b.epoch.nonce != at_a.epoch.nonce  # type: ignore[union-attr]
    # A is the server that it was, and whoever stayed with it was told of everything.
    assert again.epoch.nonce == at_a.epoch.nonce  # type: ignore[union-attr]


# --- announcements and leases ----------------------------------------------------------


@pytest.mark.parametrize("how", ["pubsub", "one by one"])
async def test_a_lost_subscription_is_a_lost_connection(
    proxy: FaultProxy, admin: Any, namespace: str, how: str
) -> None:
    """There is no listening connection beside it that could die unnoticed."""
    async with (
        linked(proxy.url, namespace, times=SOON, is_strict=True) as near,
        linked(proxy.url, namespace, times=SOON) as writer,
    ):
        before = await mirrored(near, A)
        incarnation = near.mirror.incarnation  # type: ignore[union-attr]
        if how == "pubsub":
            assert admin.execute_command("CLIENT", "KILL", "TYPE", "pubsub") >= 1
        else:
            for each in admin.client_list():
                if int(each["ssub"]) > 0:
                    admin.client_kill(each["addr"])
        await back(near)
        await back(writer)
        await settled(writer, ChangeStamps((A,)))

        after = near.mirror.seen((A,), boot_s())  # type: ignore[union-attr]
        assert after is None or after.stamps != before.stamps
        await mirrored(near, A)
        assert near.mirror.incarnation != incarnation  # type: ignore[union-attr]


async def test_a_confirmation_that_never_comes_is_waited_for_a_lease_and_no_longer(
    proxy: FaultProxy, healthy: EmbeddedServer, namespace: str
) -> None:
    """G3: a frozen process holds up an acknowledgement for Δ·1.01 + 5 ms, once."""
    async with (
        linked(proxy.url, namespace, times=SOON, is_strict=True) as near,
        linked(healthy.url, namespace, times=SOON) as writer,
    ):
        await mirrored(near, A)
        await vouch(writer)
        _, live_s = await settled(writer, ChangeStamps((A,)))
        proxy.freeze()
        began = now_s()
        changed, silent_s = await settled(writer, ChangeStamps((A,)))
        within_s = now_s() - began
        seen = near.mirror.seen((A,), boot_s())  # type: ignore[union-attr]
        struck, next_s = await settled(writer, ChangeStamps((A,)))
        proxy.pass_through()
        await back(near)
        await mirrored(near, A)  # he comes back under another name
    print(f"ack: live {live_s * 1e3:.1f} ms, silent {silent_s * 1e3:.0f} ms")
    assert live_s < TIMES.lease_s
    assert len(changed.holders) == 1
    assert silent_s >= TIMES.lease_s * 1.01
    assert within_s < TIMES.lease_s * 1.01 + 0.005 + SLACK_S
    assert seen is None
    assert struck.holders == ()
    assert next_s < TIMES.lease_s


def test_a_paused_process_finds_its_lease_over(healthy: EmbeddedServer, namespace: str) -> None:
    """Its clock went on: what it wakes up with answers nothing by itself."""
    address = parse_address(healthy.url)

    def make(is_strict: bool) -> OnLoop:
        return OnLoop(
            lambda: AsyncRedis(address, namespace, Sealing(), times=SOON, is_strict=is_strict)
        )

    near, writer = make(True), make(False)
    try:
        mirror = near.mirror
        assert mirror is not None
        near.answer(ChangeStamps((A,)))
        deadline = time.monotonic() + 5
        while (before := mirror.seen((A,), boot_s())) is None:
            assert time.monotonic() < deadline
            near.answer(Capture((A,)))
        near.stall(0.8)
        changed = writer.answer(ChangeStamps((A,)))
        assert isinstance(changed, Changed)
        writer.answer(Settle(changed))

        # It has not had a turn since: the mirror is as it was, and nobody may use it.
        assert len(mirror) > 0
        assert mirror.seen((A,), boot_s()) is None
        near.answer(Ping())
        after = mirror.seen((A,), boot_s())
        assert after is None or after.stamps != before.stamps
    finally:
        near.close()
        writer.close()


async def test_a_registry_deleted_by_hand_makes_the_next_acknowledgement_wait(
    healthy: EmbeddedServer, admin: Any, namespace: str
) -> None:
    """Whom it named nobody knows: Δ, as if all of them were silent. Then all is as before."""
    async with (
        linked(healthy.url, namespace, times=SOON, is_strict=True) as near,
        linked(healthy.url, namespace, times=SOON) as writer,
    ):
        await mirrored(near, A)
        await vouch(writer)
        admin.delete(f"{{{namespace}}}:holders")

        lost, lost_s = await settled(writer, ChangeStamps((A,)))

        assert not lost.is_complete
        assert lost_s >= TIMES.lease_s
        seen = near.mirror.seen((A,), boot_s())  # type: ignore[union-attr]
        assert seen is None or seen.stamps == (await writer.answer(ReadShared((), (A,)))).stamps  # type: ignore[union-attr]
        await mirrored(near, A)
        found, found_s = await settled(writer, ChangeStamps((A,)))
        assert found.is_complete
        assert len(found.holders) == 1
        assert found_s < TIMES.lease_s


async def test_an_announcement_that_was_dropped_is_noticed_by_its_number(
    proxy: FaultProxy, healthy: EmbeddedServer, namespace: str
) -> None:
    """Pushes vanish, replies arrive: the next renewal tells of a number nobody has heard."""
    async with (
        linked(proxy.url, namespace, times=SOON, is_strict=True) as near,
        linked(healthy.url, namespace, times=SOON) as writer,
    ):
        mirror = near.mirror
        assert mirror is not None
        before = await mirrored(near, A)
        await vouch(writer)
        gaps = mirror.gaps
        proxy.drop_pushes()
        began, fairly = time.monotonic(), now_s()
        changed = await writer.answer(ChangeStamps((A,)))
        assert isinstance(changed, Changed)
        noticed_s = await until(lambda: mirror.gaps > gaps)
        assert proxy.pushes_dropped >= 1
        await writer.answer(Settle(changed))
        acked_s, within_s = time.monotonic() - began, now_s() - fairly
        after = mirror.seen((A,), boot_s())
        proxy.pass_through()

        print(f"gap: noticed {noticed_s * 1e3:.0f} ms, ack {acked_s * 1e3:.0f} ms")
        assert after is None or after.stamps != before.stamps
        assert noticed_s < TIMES.renew_s + SLACK_S
        assert acked_s >= TIMES.lease_s
        assert within_s < TIMES.wait_s + SLACK_S
        assert await mirrored(near, A)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff\xfe\x00",
        b"not one of ours",
        b"a b c d e f g",
        b"epoch 1 id to s \xff",
        b"epoch " + b"9" * 30 + b" id to s slot:000a",
        b"epoch " + b"9" * 6_000 + b" id to s slot:000a",
        b"l",
        b"c x",
        b"c 1 2 3 4",
    ],
    ids=["empty", "binary", "words", "letters", "high", "large", "huge", "l", "c", "many"],
)
async def test_what_others_say_on_our_channels_does_no_harm(
    proxy: FaultProxy, admin: Any, namespace: str, message: bytes, request: pytest.FixtureRequest
) -> None:
    """At most the mirror is emptied; the connection and the lease stay."""
    async with linked(proxy.url, namespace, times=SOON, is_strict=True) as near:
        await mirrored(near, A)
        for channel in (f"{{{namespace}}}:told", near._operations.channels[1]):
            assert admin.execute_command("SPUBLISH", channel, message) == 1
        await near.answer(Ping())

        assert proxy.connections == 1
        assert await mirrored(near, A)


async def test_a_holder_that_closes_is_waited_for_by_nobody(
    healthy: EmbeddedServer, namespace: str
) -> None:
    async with linked(healthy.url, namespace, times=SOON) as writer:
        async with linked(healthy.url, namespace, times=SOON, is_strict=True) as near:
            await mirrored(near, A)
            await vouch(writer)
        changed, took_s = await settled(writer, ChangeStamps((A,)))

        assert changed.holders == ()
        assert took_s < TIMES.lease_s


async def test_many_changes_at_once_are_confirmed_within_a_lease(
    healthy: EmbeddedServer, namespace: str
) -> None:
    """Confirmations are matched by change: none is taken for another's, none gets lost."""
    names = [f"slot:d{n:03x}" for n in range(100)]
    async with (
        linked(healthy.url, namespace, times=SOON, is_strict=True) as one,
        linked(healthy.url, namespace, times=SOON, is_strict=True) as two,
    ):
        await mirrored(one, *names)
        await mirrored(two, *names)
        await vouch(one)
        began = time.monotonic()
        found = await asyncio.gather(
            *(settled(one if n % 2 else two, ChangeStamps((name,))) for n, name in enumerate(names))
        )
        took_s = time.monotonic() - began
    print(f"acks: 100 at once in {took_s * 1e3:.0f} ms")
    assert {len(changed.holders) for changed, _ in found} == {2}
    assert max(each_s for _, each_s in found) < TIMES.lease_s
