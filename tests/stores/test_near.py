"""The near tier and the memory store: bounded, thread-safe, forgetting what they must."""

import gc
import math
import random
import threading

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepwarm.core.entry import Stored, Terms
from keepwarm.core.globs import Glob
from keepwarm.core.steps import DropNear, ReadShared, WriteShared
from keepwarm.stores.memory import MemoryStore
from keepwarm.stores.near import NearTier, Warm, weight


def stored(*stamps: str, size: int = 100) -> Stored:
    carried = tuple((s, "n", "n") for s in stamps)
    return Stored(Terms(0.0, 1.0, 1.0, 1.0, 1.0, 0.0, "e", 1, carried, ()), b"v" * size)


def test_it_never_holds_more_bytes_than_allowed_and_keeps_what_is_read() -> None:
    each = weight("k00", stored("tag:a"))
    near = NearTier(each * 10)
    for n in range(30):
        near.write(f"k{n:02}", stored("tag:a"), 0, logical=f"k{n}")
        near.read("k00") if n < 25 else None
        assert near.used_bytes <= near.max_bytes

    assert len(near) == 10
    assert near.read("k29") is not None
    assert near.read("k01") is None
    assert near.evictions == 20


def test_what_was_used_lately_stays() -> None:
    near = NearTier(weight("k0", stored()) * 2)
    near.write("k0", stored(), 0, logical="k0")
    near.write("k1", stored(), 0, logical="k1")
    near.read("k0")
    near.write("k2", stored(), 0, logical="k2")

    assert [near.read(k) is not None for k in ("k0", "k1", "k2")] == [True, False, True]


def test_a_value_larger_than_all_is_refused_and_drops_the_old_one() -> None:
    """Keeping the old one would answer with what was just replaced."""
    near = NearTier(5_000)
    near.write("k", stored(), 0, logical="k")
    near.write("k", stored(size=10_000), 1, logical="k")

    assert near.read("k") is None
    assert near.used_bytes == 0


def test_entries_are_bounded_in_number() -> None:
    near = NearTier(10**9, max_entries=3)
    for n in range(9):
        near.write(f"k{n}", stored(), 0, logical=f"k{n}")
    assert len(near) == 3


@pytest.mark.parametrize(
    "drop, left",
    [
        (DropNear(names=("p1", "none")), {"p2", "p3"}),
        (DropNear(stamps=("tag:a",)), {"p3"}),
        (DropNear(glob=Glob("b:*")), {"p1"}),
        (DropNear(everything=True), set()),
        (DropNear(), {"p1", "p2", "p3"}),
    ],
    ids=["names", "stamps", "glob", "everything", "nothing"],
)
def test_drops_are_exact(drop: DropNear, left: set[str]) -> None:
    near = NearTier(10**6)
    near.write("p1", stored("tag:a"), 0, logical="a:1")
    near.write("p2", stored("tag:a", "tag:b"), 0, logical="b:2")
    near.write("p3", stored("tag:b"), 0, logical="b:3")

    near.drop(drop)

    assert {p for p in ("p1", "p2", "p3") if near.read(p)} == left


def test_a_replaced_entry_is_no_longer_found_by_its_old_stamps() -> None:
    near = NearTier(10**6)
    near.write("p", stored("tag:old"), 0, logical="p")
    near.write("p", stored("tag:new"), 1, logical="p")

    near.drop(DropNear(stamps=("tag:old",)))
    assert near.read("p") is not None
    near.drop(DropNear(stamps=("tag:new",)))
    assert near.read("p") is None


def lasting(until: float, kept: float | None = None) -> Stored:
    kept = until if kept is None else kept
    return Stored(Terms(0, until, until, until, kept, 0, "e", 1, (), ()), b"v" * 100)


class Wall:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_expired_leaves_by_itself() -> None:
    """As others are written, long before anybody needs the room."""
    wall = Wall()
    near = NearTier(10**6, wall=wall)
    for n in range(100):
        near.write(f"short{n}", lasting(10), 0, logical="s")
    wall.now = 11
    for n in range(20):
        near.write(f"long{n}", lasting(1_000), 0, logical="l")

    assert len(near) == 20
    assert near.expired == 100


def test_what_may_still_cover_an_outage_stays_while_there_is_room() -> None:
    wall = Wall()
    near = NearTier(10**6, 100, wall=wall)
    near.write("covers", lasting(10, kept=3_600), 0, logical="c")
    wall.now = 11
    for n in range(80):
        near.write(f"k{n}", lasting(1_000), 0, logical="k")
    assert near.read("covers") is not None
    for n in range(80, 200):
        near.write(f"k{n}", lasting(1_000), 0, logical="k")

    assert near.read("covers") is None


def test_one_large_value_does_not_turn_out_a_hundred_small_ones() -> None:
    near = NearTier(100 * weight("k000", stored()))
    for n in range(120):
        near.write(f"k{n:03}", stored(), 0, logical="k")
    before = len(near)
    near.write("large", stored(size=30_000), 0, logical="l")

    assert near.read("large") is None
    assert len(near) == before


def test_a_large_value_is_welcome_where_there_is_room() -> None:
    near = NearTier(100_000)
    near.write("large", stored(size=30_000), 0, logical="l")

    assert near.read("large") is not None


def test_a_copy_read_again_is_the_same_object() -> None:
    """So that what was worked out from it, such as the decoded value, can be kept beside it."""
    near = NearTier(10**6)
    near.write("k", stored("tag:a"), 5, logical="k")

    first = near.read("k")
    assert isinstance(first, Warm)
    assert near.read("k") is first
    near.write("k", first.stored, 6, logical="k")  # proven again
    again = near.read("k")
    assert again is not None
    assert (again.stored is first.stored, again.proven_at) == (True, 6)


def test_copies_no_longer_read_are_packed_again_and_lose_nothing() -> None:
    near = NearTier(10**6)
    entries = {f"k{n}": stored(f"tag:{n}", size=n) for n in range(500)}
    for name, each in entries.items():
        near.write(name, each, 3, logical=f"the {name}")
    used = near.used_bytes
    for _ in range(2):
        for name, each in entries.items():
            held = near.read(name)
            assert held is not None
            assert (held.stored, held.proven_at) == (each, 3)

    assert near.used_bytes == used
    near.drop(DropNear(glob=Glob("the k49?")))
    assert len(near) == 490


def test_without_an_index_nothing_ended_here_is_taken_on_trust() -> None:
    """Such a copy dies by comparison; until then its proof counts for nothing."""
    near = NearTier(10**6, is_indexed=False)
    near.write("warm", stored("tag:a"), 5, logical="w")
    near.write("cold", stored("tag:a"), 5, logical="c")
    held = near.read("warm")
    near.drop(DropNear(stamps=("tag:a",)))
    near.write("later", stored("tag:a"), 6, logical="l")

    assert held is not None
    assert held.proven_at == -math.inf
    found = {name: near.read(name) for name in ("warm", "cold", "later")}
    assert {name: each and each.proven_at for name, each in found.items()} == {
        "warm": -math.inf, "cold": -math.inf, "later": 6
    }  # fmt: skip


def test_a_drop_that_would_look_at_too_many_drops_all() -> None:
    """An event loop must not wait for a walk over them; what is dropped too much is a miss."""
    near = NearTier(10**8)
    for n in range(3_000):
        near.write(f"k{n}", stored("tag:all"), 0, logical="k")
    near.drop(DropNear(stamps=("tag:all",)))

    assert len(near) == near.used_bytes == 0


def test_what_was_cleared_is_given_back_by_the_writes_that_follow() -> None:
    near = NearTier(10**8, is_indexed=False)
    for n in range(2_000):
        near.write(f"k{n}", lasting(1e12), 0, logical="k")
    near.clear()
    gc.collect()
    before = _residents()
    for n in range(300):
        near.write(f"n{n}", lasting(1e12), 0, logical="n")

    assert (before >= 2_000, len(near)) == (True, 300)
    assert near._items._cleared == []


def _residents() -> int:
    """Not seen by the collector, so counted by what the tier has not given back."""
    return sum(len(held) for tier in _tiers() for held in tier._items._cleared[:1])


def _tiers() -> list[NearTier]:
    return [each for each in gc.get_objects() if isinstance(each, NearTier)]


def test_the_collector_need_not_walk_over_entries() -> None:
    """A full collection looks at every object it tracks; a hundred thousand would be a stall."""
    near = NearTier(10**8, is_indexed=False)
    near.write("k", stored(), 0, logical="k")

    assert not gc.is_tracked(near._items.residents["k"])


def test_text_that_cannot_be_written_is_no_copy_and_no_error() -> None:
    near = NearTier(10**6)
    near.write("k", stored("tag:a"), 0, logical="k")
    near.write("k", stored("\ud800"), 0, logical="k")

    assert near.read("k") is None
    assert near.used_bytes == 0


NAMES = st.integers(0, 12).map(lambda n: f"k{n}")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), NAMES, st.integers(0, 3), st.integers(0, 900)),
        st.tuples(st.just("read"), NAMES),
        st.tuples(st.just("name"), NAMES),
        st.tuples(st.just("stamp"), st.integers(0, 3)),
        st.tuples(st.just("glob"), st.sampled_from(["k1*", "*2", "none"])),
        st.tuples(st.just("clear")),
        st.tuples(st.just("later"), st.integers(1, 50)),
    ),
    max_size=80,
)


@settings(deadline=None)
@given(STEPS, st.booleans(), st.integers(1_500, 6_000), st.integers(1, 12))
def test_it_keeps_to_its_room_and_never_answers_with_what_was_replaced(
    steps: list[tuple[object, ...]], is_indexed: bool, max_bytes: int, max_entries: int
) -> None:
    """Beside a plain dict of the last writes: a copy is the last one written, or none."""
    wall = Wall()
    near = NearTier(max_bytes, max_entries, wall=wall, is_indexed=is_indexed)
    last: dict[str, Stored] = {}
    for step in steps:
        match step:
            case ("write", str(name), int(tag), int(size)):
                terms = msgspec.structs.replace(
                    stored(f"tag:{tag}").terms,
                    fresh_until=wall.now + size,
                    kept_until=wall.now + size,
                )
                last[name] = Stored(terms, bytes(size))
                near.write(name, last[name], wall.now, logical=name)
            case ("read", str(name)):
                held = near.read(name)
                assert held is None or held.stored == last[name]
            case ("name", str(name)):
                near.drop(DropNear(names=(name,)))
                assert near.read(name) is None
            case ("stamp", int(tag)):
                near.drop(DropNear(stamps=(f"tag:{tag}",)))
                for name, each in last.items():
                    held = near.read(name)
                    if is_indexed and held is not None:
                        assert each.terms.stamps[0][0] != f"tag:{tag}"
            case ("glob", str(pattern)):
                near.drop(DropNear(glob=Glob(pattern)))
                if is_indexed:
                    assert not [n for n in last if Glob(pattern).matches(n) and near.read(n)]
            case ("clear",):
                near.clear()
                assert len(near) == 0
            case ("later", int(by)):
                wall.now += by
        assert near.used_bytes <= max_bytes
        assert len(near) <= max_entries
        assert (near.used_bytes == 0) == (len(near) == 0)
    near.drop(DropNear(names=tuple(last)))
    assert len(near) == near.used_bytes == 0


def test_many_threads_leave_it_consistent() -> None:
    """Bytes and index are exact after threads wrote, read and dropped at random."""
    near = NearTier(weight("k0", stored("tag:0")) * 20)
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        dice = random.Random(seed)
        try:
            for _ in range(1500):
                n = dice.randrange(40)
                match dice.randrange(4):
                    case 0 | 1:
                        near.write(f"k{n}", stored(f"tag:{n % 5}"), 0, logical=f"k{n}")
                    case 2:
                        near.read(f"k{n}")
                    case _:
                        near.drop(DropNear(stamps=(f"tag:{n % 5}",)))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    assert near.used_bytes <= near.max_bytes
    near.drop(DropNear(stamps=tuple(f"tag:{n}" for n in range(5))))
    assert len(near) == near.used_bytes == 0


def test_memory_store_evicts_entries_but_not_stamps() -> None:
    """What is evicted is a miss; a stamp that vanished would make every entry one."""
    store = MemoryStore(max_bytes=weight("k0", stored()) * 3)
    for n in range(10):
        store.answer(WriteShared(((f"k{n}", stored()),), 0))

    seen = store.answer(ReadShared(tuple(f"k{n}" for n in range(10)), ()))

    assert sum(entry is not None for entry in seen.entries) == 3  # type: ignore[union-attr]


@pytest.mark.parametrize("is_read", [False, True], ids=["packed", "unpacked"])
def test_who_is_late_with_an_older_fill_does_not_undo_a_refresh(is_read: bool) -> None:
    """1. A reads v1 to prove it.  2. B refreshes: v2, same stamps.  3. A keeps v1 as proven."""
    v1, v2 = (
        msgspec.structs.replace(
            filled("slot:0001"),
            terms=msgspec.structs.replace(filled("slot:0001").terms, filled_at=at),
            payload=payload,
        )
        for at, payload in ((1_000.0, b"v1"), (1_000.1, b"v2"))
    )
    near = NearTier(10**6)
    near.write("k@1", v1, 1.0, logical="k")
    near.write("k@1", v2, 2.0, logical="k")
    if is_read:
        near.read("k@1")
    near.write("k@1", v1, 3.0, logical="k")
    held = near.read("k@1")
    assert held is not None
    assert held.stored.payload == b"v2"

    ended = msgspec.structs.replace(
        v1, terms=msgspec.structs.replace(v1.terms, stamps=filled("slot:0002").terms.stamps)
    )
    near.write("k@1", ended, 4.0, logical="k")  # of other stamps: what was just proven counts
    held = near.read("k@1")
    assert held is not None
    assert held.stored.payload == b"v1"


def filled(*stamps: str) -> Stored:
    """Of the form that fills make, which is the form that packs well."""
    nonce = "A" * 21 + "g"
    carried = tuple((name, nonce, nonce) for name in stamps)
    terms = Terms(0.0, 2e3, 2e3, 2e3, 2e3, 0.0, nonce, 1, carried, (), "web", own_position=1)
    return Stored(terms, b"v")
