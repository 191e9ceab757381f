"""Invalidations that could not be confirmed outlive the process that owed them."""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.conftest import POLICIES
from keepwarm import Cache, ConfigurationError, NotAcknowledged
from keepwarm.core.entry import Debt
from keepwarm.core.globs import Glob
from keepwarm.engine.journal import Journal, read
from keepwarm.testing.faults import FaultProxy
from keepwarm.testing.servers import valkey

DEBT = Debt(frozenset({"slot:0001"}), (Glob("list:*"),))
OTHER = Debt(frozenset({"slot:0002"}))
CHILD = """
import os, sys
from keepwarm import Cache, NotAcknowledged, Policy
url, namespace, journal = sys.argv[1:]
cache = Cache(url, namespace=namespace, policies={"plain": Policy("5m")},
              journal=journal or None, operation_timeout="200ms")
with cache.blocking() as c:
    assert c.get_or_set("k", lambda: "old", "plain", tags=["t"]) == "old"
    print("filled", flush=True)
    sys.stdin.readline()   # the store goes away, the new value is committed
    try:
        c.invalidate("t")
    except NotAcknowledged as error:
        print(error.durable, flush=True)
    sys.stdin.readline()   # killed here
"""


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with valkey(tcp=True) as server, FaultProxy(server.url) as proxy:
        yield proxy


def _dies_in_debt(proxy: FaultProxy, namespace: str, journal: str) -> str:
    """What the child said of its debt before it was killed, the store being away."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, proxy.url, namespace, journal],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == "filled\n"
    proxy.refuse()
    child.stdin.write("\n")
    child.stdin.flush()
    said = child.stdout.readline().strip()
    child.send_signal(signal.SIGKILL)
    child.communicate()
    return said


@pytest.mark.parametrize("has_journal", [True, False])
async def test_a_debt_survives_its_process(
    proxy: FaultProxy, namespace: str, tmp_path: Path, has_journal: bool
) -> None:
    """The next one serves nothing of it, not even before it has been repeated."""
    journal = str(tmp_path / "journal") if has_journal else ""
    assert _dies_in_debt(proxy, namespace, journal) == str(has_journal)
    proxy.pass_through()
    cache = Cache(proxy.url, namespace=namespace, policies=POLICIES, journal=journal or None)
    async with cache:
        first = await cache.get_or_set("k", lambda: "new", "plain", tags=["t"])
        while cache.owed():
            await asyncio.sleep(0.005)
    assert first == ("new" if has_journal else "old")
    assert not has_journal or list(Path(journal).iterdir()) == []


async def test_a_process_that_goes_on_living_pays_for_one_that_died(
    proxy: FaultProxy, namespace: str, tmp_path: Path
) -> None:
    """Both saw the store go; when it is back, the survivor repeats what the dead one owed."""
    journal = str(tmp_path)
    settings = {"policies": POLICIES, "journal": journal, "operation_timeout": "200ms"}
    async with Cache(proxy.url, namespace=namespace, **settings) as cache:
        assert _dies_in_debt(proxy, namespace, journal) == "True"
        for n in range(5):
            await cache.get_or_set(f"during {n}", lambda: 1, "plain")
        assert cache.stats().breaker == "open"
        proxy.pass_through()
        while cache.stats().breaker == "open":
            await cache.get_or_set("k", lambda: "new", "plain", tags=["t"])
            await asyncio.sleep(0.001)  # the proxy lives on this process's interpreter lock
        assert await cache.get_or_set("k", lambda: "new", "plain", tags=["t"]) == "new"
    assert list(tmp_path.iterdir()) == []


def test_two_starters_adopt_each_file_once(tmp_path: Path) -> None:
    for n in range(10):
        child = os.fork()
        if child == 0:
            Journal(tmp_path, "a").append(Debt(frozenset({f"slot:{n:04x}"})))
            os._exit(0)
        os.waitpid(child, 0)
    journals = [Journal(tmp_path, "a") for _ in range(4)]
    found: list[Debt] = []
    threads = [threading.Thread(target=lambda j=j: found.append(j.adopt())) for j in journals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    adopted = [name for debt in found for name in debt.stamps]
    assert sorted(adopted) == [f"slot:{n:04x}" for n in range(10)]
    assert len(list(tmp_path.glob("*.journal"))) == sum(bool(debt) for debt in found)


def test_a_living_owner_and_another_namespace_are_left_alone(tmp_path: Path) -> None:
    alive = Journal(tmp_path, "a")
    assert alive.append(DEBT)
    assert alive.append(OTHER)
    other = Journal(tmp_path, "a")
    assert other.adopt() == Debt()
    assert alive.adopt() == Debt()
    (path,) = tmp_path.glob("*.journal")
    assert read(path.read_bytes()) == ("a", DEBT.plus(OTHER))
    os.close(alive._file)  # as when it dies
    alive._file, alive._path = -1, None
    assert Journal(tmp_path, "b").adopt() == Debt()
    assert path.exists()
    assert other.adopt() == DEBT.plus(OTHER)
    assert not path.exists()
    other.clear()
    assert list(tmp_path.iterdir()) == []


def _whole(tmp_path: Path) -> bytes:
    journal = Journal(tmp_path, "a")
    journal.append(DEBT)
    journal.append(OTHER)
    (path,) = tmp_path.glob("*.journal")
    return path.read_bytes()


def test_a_torn_last_line_is_dropped_and_any_other_damage_owes_everything(tmp_path: Path) -> None:
    whole = _whole(tmp_path)
    head, first, second, _ = whole.split(b"\n")
    end_of_first = len(head) + len(first) + 2
    for end in range(end_of_first, len(whole)):
        namespace, debt = read(whole[:end])
        assert (namespace, debt) == ("a", DEBT), whole[:end]
    assert read(b"\n".join((head, b"x" + first[1:], second, b"")))[1].everything
    assert read(b"\n".join((head, first[:-1], second, b"")))[1].everything
    assert read(whole.replace(b"keepwarm 1", b"keepwarm 2"))[1].everything
    assert read(b"")[1].everything


def test_a_full_disk_is_no_lie_and_hides_nothing(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            journal = Journal(tmp_path, "a")
            first = journal.append(DEBT)
            (path,) = tmp_path.glob("*.journal")
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            limit = path.stat().st_size + 10  # half a line fits
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            second = journal.append(OTHER)
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            third = journal.append(OTHER)
            status = 0 if (first, second, third) == (True, False, True) else 1
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert Journal(tmp_path, "a").adopt() == DEBT.plus(OTHER)


async def test_without_a_usable_disk_the_error_says_not_durable(
    proxy: FaultProxy, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    settings = {"policies": POLICIES, "journal": tmp_path, "operation_timeout": "200ms"}
    async with Cache(proxy.url, namespace=namespace, **settings) as cache:
        monkeypatch.setattr(os, "fsync", full)
        proxy.refuse()
        with pytest.raises(NotAcknowledged) as raised:
            await cache.invalidate("t")
        assert not raised.value.durable
        monkeypatch.undo()
        proxy.pass_through()


def test_a_place_that_cannot_be_used_is_refused_when_it_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text(json.dumps({}))
    for place in (file, file / "below"):
        with pytest.raises(ConfigurationError, match="must be a directory"):
            Cache("redis://127.0.0.1:1", journal=place)


async def test_a_new_process_does_not_serve_what_a_living_one_still_owes(
    proxy: FaultProxy, namespace: str, tmp_path: Path
) -> None:
    """It may have adopted the debt of a process that died, and not repaid it yet."""
    async with Cache(proxy.url, namespace=namespace, policies=POLICIES) as cache:
        await cache.get_or_set("k", lambda: "old", "plain", tags=["t"])
    owner = Cache("redis://127.0.0.1:1", namespace=namespace, policies=POLICIES, journal=tmp_path)
    async with owner:
        with pytest.raises(NotAcknowledged):
            await owner.invalidate("t")
        settings = {"policies": POLICIES, "journal": tmp_path}
        async with Cache(proxy.url, namespace=namespace, **settings) as cache:
            assert await cache.get_or_set("k", lambda: "new", "plain", tags=["t"]) == "new"
        assert len(list(tmp_path.glob("*.journal"))) == 1, "the debt stays its owner's"


async def test_who_closes_in_debt_leaves_it_to_the_next_at_once(
    proxy: FaultProxy, namespace: str, tmp_path: Path
) -> None:
    """Also in the same process, as where an application is started again in place."""
    settings = {"policies": POLICIES, "journal": tmp_path}
    async with Cache(proxy.url, namespace=namespace, **settings) as cache:
        await cache.get_or_set("k", lambda: "old", "plain", tags=["t"])
        proxy.refuse()
        with pytest.raises(NotAcknowledged):
            await cache.invalidate("t")
    proxy.pass_through()
    async with Cache(proxy.url, namespace=namespace, **settings) as cache:
        assert await cache.get_or_set("k", lambda: "new", "plain", tags=["t"]) == "new"
        while cache.owed():
            await asyncio.sleep(0.005)
    assert list(tmp_path.iterdir()) == []


def test_a_forked_child_owes_what_its_parent_owes(
    proxy: FaultProxy, namespace: str, tmp_path: Path
) -> None:
    settings = {"policies": POLICIES, "journal": tmp_path, "operation_timeout": "200ms"}
    parent = Cache(proxy.url, namespace=namespace, **settings)
    with parent.blocking() as cache:
        cache.get_or_set("k", lambda: "old", "plain", tags=["t"])
        proxy.refuse()
        with pytest.raises(NotAcknowledged):
            cache.invalidate("t")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                found = cache.get_or_set("k", lambda: "new", "plain", tags=["t"])
                status = 0 if found == "new" and parent.owed() else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        proxy.pass_through()
        cache.close()
