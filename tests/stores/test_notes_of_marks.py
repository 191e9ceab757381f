"""The notes of marks on real servers: what may stand in them, and who may not write them.

That trials are as long as they have to be is in `keepwarm.testing.conformance.trials`. Here
is what only a server in Redis's way can have: other clocks, other bytes, and users who may
not do everything.
"""

import time
from collections.abc import Iterator

import pytest
import redis

from keepwarm.core.stamps import Stamp, parse_epoch
from keepwarm.core.steps import Capture, Changed, ChangeStamps, Enter, Inside, Leave, ReadShared
from keepwarm.core.times import Times
from keepwarm.stores.envelope import Sealing
from keepwarm.stores.redis.blocking import BlockingRedis
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.stores.redis.settings import parse_address
from keepwarm.testing.servers import ManagedServer

D_S = 0.2
D_MS = int(D_S * 1000)
A, B = "slot:000a", "slot:000b"
HOUR_MS = 3_600_000


def connect(url: str, namespace: str, d_s: float = D_S) -> BlockingRedis:
    times = Times(operation_s=5.0, writer_s=d_s)
    return BlockingRedis(parse_address(url), namespace, Sealing(), 5.0, times=times)


@pytest.fixture
def store(server: EmbeddedServer, namespace: str) -> Iterator[BlockingRedis]:
    """One whose epoch and notes are older than D."""
    store = connect(server.url, namespace)
    captured(store, B)
    time.sleep(D_S + 0.05)
    yield store
    store.close()


def captured(store: BlockingRedis, name: str) -> Stamp:
    stamp = store.answer(Capture((name,))).stamps[name]
    assert stamp is not None
    return stamp


def read(store: BlockingRedis, name: str) -> Stamp | None:
    seen = store.answer(ReadShared((), (name,)))
    return seen.stamps[name]


def now_ms(direct: redis.Redis) -> int:
    seconds, micros = direct.time()
    return int(seconds) * 1000 + int(micros) // 1000


@pytest.mark.parametrize("score", ["-99999999999999", "-999999999999999", "-inf", "inf", "-1e300"])
def test_notes_from_another_clock_begin_anew(
    store: BlockingRedis, direct: redis.Redis, namespace: str, score: str
) -> None:
    """A server's clock was an hour ahead when they began: no trial lasts an hour for that."""
    direct.execute_command("ZADD", f"{{{namespace}}}:marks", score, "since")

    until = captured(store, A).provisional_until

    assert 0 < until <= now_ms(direct) + D_MS
    time.sleep(D_S + 0.05)
    assert captured(store, "slot:000c").is_settled


def test_a_mark_noted_beyond_reason_is_a_trial_of_d(
    store: BlockingRedis, direct: redis.Redis, namespace: str
) -> None:
    direct.execute_command("ZADD", f"{{{namespace}}}:marks", "inf", A)

    assert 0 < captured(store, A).provisional_until <= now_ms(direct) + D_MS


@pytest.mark.parametrize("ahead_ms", [HOUR_MS, 10**14], ids=["an hour", "for ever"])
def test_an_epoch_that_began_in_the_future_is_none(
    store: BlockingRedis, direct: redis.Redis, namespace: str, ahead_ms: int
) -> None:
    """Else all that is stored would be on trial until the clock has come there."""
    key = f"{{{namespace}}}:epoch"
    raw = direct.get(key)
    assert isinstance(raw, bytes)
    epoch = parse_epoch(raw.decode())
    assert epoch is not None
    words = raw.decode().split(" ")
    direct.set(key, " ".join((*words[:3], str(int(words[3]) + ahead_ms))))

    found = store.answer(Capture((A,)))

    assert found.epoch is not None
    assert found.epoch.nonce != epoch.nonce
    assert found.epoch.since_ms <= now_ms(direct)
    time.sleep(D_S + 0.05)
    assert captured(store, B).is_settled


def test_a_trial_that_another_clock_began_is_over(
    store: BlockingRedis, direct: redis.Redis, namespace: str
) -> None:
    """A server whose clock is an hour behind took over: what is on trial would be for an hour,
    and what is filled under it would not end with D."""
    words = captured(store, A).format().split(" ")
    words[3] = str(now_ms(direct) + HOUR_MS)
    direct.set(f"{{{namespace}}}:{A}", " ".join(words))

    assert read(store, A) is None
    again = captured(store, A)

    assert again.nonce != words[0]
    assert again.provisional_until <= now_ms(direct) + D_MS
    assert captured(store, A).nonce == again.nonce, "replaced once"


def test_who_is_just_made_is_not_taken_for_that(server: EmbeddedServer, namespace: str) -> None:
    """What a client knows of the store's clock is a little late."""
    store = connect(server.url, namespace, d_s=10.0)
    for n in range(200):
        name = f"slot:{n:04x}"
        assert read(store, name) is None
        assert captured(store, name) == read(store, name)
    store.close()


def test_a_server_that_does_not_say_who_it_is_keeps_no_notes(namespace: str) -> None:
    """It may be another one, which has gone back to before a mark and its note.

    1. a writer enters and checks; a snapshot of before has neither his mark nor its note
    2. the server dies and restarts from it; nobody can tell   3. a reader captures …
    """
    with ManagedServer(withheld=("info",)) as server:
        store = connect(server.url, namespace)
        captured(store, B)
        time.sleep(D_S + 0.05)
        assert captured(store, B).is_settled, "what is there is as good as ever"

        assert not captured(store, A).is_settled
        entered = store.answer(Enter("w", (A,)))
        assert isinstance(entered, Changed)
        assert store.answer(Inside("w", (A,)))
        with redis.Redis.from_url(server.admin_url) as admin:
            assert not admin.exists(f"{{{namespace}}}:marks")
        store.close()


@pytest.mark.parametrize(
    "withheld", [("zadd",), ("zscore",), ("zremrangebyscore",), ("zadd", "zscore")], ids="+".join
)
def test_who_may_not_write_notes_has_trials_of_d(namespace: str, withheld: tuple[str, ...]) -> None:
    """As before there were notes: nothing fails, and no note is half true."""
    with ManagedServer(withheld=withheld) as server:
        store = connect(server.url, namespace)
        captured(store, B)
        time.sleep(D_S + 0.05)
        for made in (lambda: None, lambda: store.answer(ChangeStamps((B, A)))):
            made()
            assert withheld == ("zremrangebyscore",) or not captured(store, A).is_settled
        store.answer(Enter("w", (A, B)))
        assert store.answer(Inside("w", (A, B)))
        with redis.Redis.from_url(server.admin_url) as admin:
            admin.delete(f"{{{namespace}}}:{A}")
            assert not captured(store, A).is_settled
        left = store.answer(Leave("w", (B,)))
        assert isinstance(left, Changed)
        assert not left.is_lost
        store.close()
