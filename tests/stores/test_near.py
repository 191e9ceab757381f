"""The near tier and the memory store: bounded, thread-safe, forgetting what they must."""

import random
import threading

import pytest

from keepwarm.core.entry import Stored, Terms
from keepwarm.core.globs import Glob
from keepwarm.core.steps import DropNear, ReadShared, WriteShared
from keepwarm.stores.memory import MemoryStore
from keepwarm.stores.near import NearTier, weight


def stored(*stamps: str, size: int = 100) -> Stored:
    carried = tuple((s, "n", "n") for s in stamps)
    return Stored(Terms(0, 1, 1, 1, 1, 0, "e", 1, carried, ()), b"v" * size)


def test_it_never_holds_more_bytes_than_allowed_and_drops_the_oldest_first() -> None:
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
