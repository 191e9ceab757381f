"""Rules about many at once: each step is one event, whoever else is asking."""

import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from keepwarm.testing.conformance.client import Client, position_of, stamp_of
from keepwarm.testing.conformance.rules import Connect, Rules
from keepwarm.testing.conformance.stamps import A, B, C

T = TypeVar("T")
MANY = 6


class CrowdRules(Rules):
    """Threads with clients of their own; every interleaving must look like some order."""

    def test_all_who_capture_at_once_capture_the_same(self, connect: Connect) -> None:
        """Two nonces for one stamp would be two fills of which one can never be served."""
        clients = [connect() for _ in range(MANY)]
        clients[0].capture()

        seen = at_once([partial(c.capture, A, B, C) for c in clients])

        assert all(s.stamps == seen[0].stamps for s in seen)
        assert {stamp_of(seen[0], name).born for name in (A, B, C)} == {position_of(seen[0])}

    def test_changes_at_once_have_a_position_each(self, connect: Connect) -> None:
        """Two with one position would be one event: the second could go unnoticed."""
        clients = [connect() for _ in range(MANY)]
        start = position_of(clients[0].capture())

        found = at_once([partial(changes, client) for client in clients])

        positions = sorted(position for each in found for position in each)
        assert positions == list(range(start + 1, start + 1 + 20 * MANY))
        assert clients[0].stamp(A).born == clients[0].position() == positions[-1]

    def test_numbers_have_no_gaps_in_a_crowd(self, connect: Connect) -> None:
        clients = [connect() for _ in range(MANY)]
        start = clients[0].renew("").told

        at_once([partial(changes, client) for client in clients])

        assert clients[0].renew("").told == start + 20 * MANY

    def test_a_change_of_several_stamps_is_seen_whole_or_not_at_all(self, connect: Connect) -> None:
        """Or a capture could pair the old stamp of one tag with the new one of another."""
        clients = [connect() for _ in range(4)]
        clients[0].change(A, B)
        torn: list[tuple[int, int]] = []
        done = threading.Event()

        def change(client: Client) -> None:
            for _ in range(60):
                client.change(A, B)
            done.set()

        def look(client: Client) -> None:
            while not done.is_set():
                seen = client.capture(A, B)
                born = stamp_of(seen, A).born, stamp_of(seen, B).born
                if born[0] != born[1] or born[0] > position_of(seen):
                    torn.append(born)

        first, *others = clients
        at_once([partial(change, first), *(partial(look, each) for each in others)])

        assert torn == []

    def test_writers_at_once_leave_no_mark_and_lose_none(self, connect: Connect) -> None:
        """Each reads the marks of the others and writes his own: in one step."""
        clients = [connect() for _ in range(MANY)]

        def write(client: Client, name: str) -> list[bool]:
            lost = []
            for _ in range(20):
                client.enter(name, A, B)
                assert client.inside(name, A, B)
                lost.append(client.leave(name, A, B).is_lost)
            return lost

        found = at_once([partial(write, each, f"w{n}") for n, each in enumerate(clients)])

        assert not any(lost for each in found for lost in each)
        assert not clients[0].stamp(A).is_dirty
        assert not clients[0].stamp(B).is_dirty

    def test_nothing_is_confirmed_across_a_change(self, connect: Connect) -> None:
        """What Confirm says of several stamps is true of one instant.

        The writer changes A, then B. A reader captured in between; later A must be refused.
        """
        client, other = connect(), connect()
        client.capture(A, B)
        done = threading.Event()
        wrong: list[tuple[int, int]] = []

        def change() -> None:
            for _ in range(100):
                client.change(A)
                client.change(B)
            done.set()

        def confirm() -> None:
            while not done.is_set():
                token = other.capture()
                found = other.confirm(token, late=[A, B])
                if found and max(s.born for s in found.values()) > position_of(token):
                    wrong.append((found[A].born, found[B].born))

        at_once([change, confirm])

        assert wrong == []

    def test_patterns_at_once_are_all_listed(self, connect: Connect) -> None:
        clients = [connect() for _ in range(MANY)]

        def add(client: Client, number: int) -> None:
            for i in range(10):
                client.add_pattern(f"{number}:{i}:*")

        at_once([partial(add, each, n) for n, each in enumerate(clients)])

        patterns = clients[0].patterns()
        assert {p.glob.pattern for p in patterns.items} == {
            f"{n}:{i}:*" for n in range(MANY) for i in range(10)
        }
        positions = [p.position for p in patterns.items]
        assert positions == sorted(set(positions))

    def test_one_client_serves_many_threads(self, client: Client) -> None:
        """No reply ever reaches the wrong request (G7)."""
        names = [f"slot:f{n:03x}" for n in range(MANY)]
        for name in names:
            client.change(name)
        wrong: list[str] = []

        def ask(name: str) -> None:
            own = client.stamp(name)
            seen = [client.read(name).stamps.get(name) for _ in range(100)]
            wrong.extend(name for stamp in seen if stamp != own)

        at_once([partial(ask, name) for name in names])

        assert wrong == []

    # One leader for a cold key.

    def test_one_of_many_is_elected(self, connect: Connect) -> None:
        """A cold key costs one origin call over all processes (G5)."""
        clients = [connect() for _ in range(MANY)]

        found = at_once([partial(each.elect, "lease:a") for each in clients])

        assert found.count((None,)) == 1
        left = [seconds for each in found for seconds in each if seconds is not None]
        assert all(0 < seconds <= self.times.leader_s for seconds in left)

    def test_each_lease_has_its_own_leader(self, client: Client, other: Client) -> None:
        assert client.elect("lease:a") == (None,)

        led, free = other.elect("lease:a", "lease:b")

        assert led is not None
        assert free is None

    def test_a_released_lease_is_free(self, client: Client, other: Client) -> None:
        client.elect("lease:a")
        client.release("lease:a")
        client.read()  # asked after it, so done after it

        assert other.elect("lease:a") == (None,)

    def test_electing_and_releasing_nothing_is_no_error(self, client: Client) -> None:
        assert client.elect() == ()


def changes(client: Client) -> list[int]:
    """The positions of twenty changes."""
    return [client.change(A).position for _ in range(20)]


def at_once(works: list[Callable[[], T]]) -> list[T]:
    """What each returned, run in a thread of its own, all let go together."""
    start = threading.Barrier(len(works))
    found: dict[int, T] = {}
    errors: list[BaseException] = []

    def run(number: int) -> None:
        start.wait()
        try:
            found[number] = works[number]()
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [found[number] for number in range(len(works))]
