"""What all groups of rules share: a rig for each test, and clients that are closed after it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import ClassVar, TypeAlias

import pytest

from keepwarm.core.times import Times
from keepwarm.testing.conformance.client import Client
from keepwarm.testing.conformance.rig import Part, Rig

Connect: TypeAlias = Callable[..., Client]


class Rules:
    """Base of the groups. A test class sets `make`, and may set longer or shorter times."""

    make: ClassVar[type[Rig]]
    """The rig of the store under test."""

    times: ClassVar[Times] = Times(operation_s=2.0, leader_s=30.0)
    """Nothing lapses by itself within a test, however busy the machine."""
    brief: ClassVar[Times] = Times(
        operation_s=2.0, writer_s=0.2, leader_s=0.6, beat_s=0.1, renew_s=0.05
    )
    """For what has to lapse: a test waits as long as these say."""

    @pytest.fixture
    def rig(self) -> Iterator[Rig]:
        with self.make(self.times) as rig:
            yield rig

    @pytest.fixture
    def connect(self, rig: Rig) -> Iterator[Connect]:
        yield from connecting(rig)

    @pytest.fixture
    def client(self, connect: Connect) -> Client:
        return connect()

    @pytest.fixture
    def other(self, connect: Connect) -> Client:
        """A second client of the same store."""
        return connect()

    @pytest.fixture
    def brief_rig(self) -> Iterator[Rig]:
        with self.make(self.brief) as rig:
            yield rig

    @pytest.fixture
    def connect_hasty(self, brief_rig: Rig) -> Iterator[Connect]:
        yield from connecting(brief_rig)

    @pytest.fixture
    def hasty(self, connect_hasty: Connect) -> Client:
        """A client of a store in which marks, trials and leases end soon."""
        return connect_hasty()


def connecting(rig: Rig) -> Iterator[Connect]:
    """What connects clients and closes them afterwards."""
    with ExitStack() as closing:

        def connect(*, is_near: bool = False) -> Client:
            store = rig.connect(is_near=is_near)
            closing.callback(store.close)
            return Client(store)

        yield connect


def outlast(rig: Rig) -> None:
    """Let D pass: marks whose writer is dead, and trials, are over."""
    rig.wait(rig.times.writer_s + 0.02)


def lose(rig: Rig, part: Part, name: str = "") -> None:
    """Have the store lose it, or skip the test if this store never does."""
    if not rig.lose(part, name):
        pytest.skip(f"this store never loses its {part} alone")


def plant(rig: Rig, part: Part, raw: bytes | None, name: str = "") -> None:
    """Put foreign bytes there, or skip the test if nobody else can write to this store."""
    if not rig.plant(part, raw, name):
        pytest.skip(f"nobody else can write this store's {part}")
