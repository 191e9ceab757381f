"""Rules about what every client hears of changes: what the browsers' channel is fed from."""

from collections.abc import Callable

from keepwarm.core.mirror import Told
from keepwarm.testing.conformance.client import Client
from keepwarm.testing.conformance.rig import until
from keepwarm.testing.conformance.rules import Rules
from keepwarm.testing.conformance.stamps import A, B


class Ear:
    """Notes what a client hears, from whatever thread."""

    def __init__(self, client: Client) -> None:
        client.read(A)  # so that there is a connection
        self._heard = client.store.heard
        until(lambda: self._heard.epoch != "", "the store's first word")
        self.changes: list[Told] = []
        self.misses = 0
        self._heard.listen(self)

    def changed(self, told: Told) -> None:
        self.changes.append(told)

    def missed(self) -> None:
        self.misses += 1

    def hears(self, act: Callable[[], object], *, misses: bool = False) -> Told | None:
        """What is heard next, because of `act`."""
        count = len(self.changes), self.misses
        act()
        until(lambda: (len(self.changes), self.misses) != count, "a word of it")
        assert (self.misses > count[1]) == misses
        return None if misses else self.changes[-1]


class AnnouncingRules(Rules):
    """A page that was not told of a change shows what was before it, for ever."""

    def test_a_change_is_heard_with_its_stamps_and_position(
        self, client: Client, other: Client
    ) -> None:
        ear = Ear(other)
        told = ear.hears(lambda: client.change(A, B))

        assert told is not None
        assert set(told.stamps) == {A, B}
        assert (told.position, told.writer) == (client.position(), "")

    def test_a_soft_change_is_heard_too(self, client: Client, other: Client) -> None:
        """What it made stale may be served; whoever shows it may want what is new."""
        client.capture(A)
        told = Ear(other).hears(lambda: client.change(A, is_soft=True))

        assert told is not None
        assert told.stamps == (A,)

    def test_a_writer_is_heard_to_enter_and_to_leave(self, client: Client, other: Client) -> None:
        """Entering has changed nothing yet, leaving may have: they must be told apart."""
        ear = Ear(other)
        entered = ear.hears(lambda: client.enter("w", A))
        left = ear.hears(lambda: client.leave("w", A))

        assert entered is not None
        assert left is not None
        assert (entered.writer, entered.is_entry, entered.stamps) == ("w", True, (A,))
        assert (left.writer, left.is_entry, left.stamps) == ("w", False, (A,))
        assert entered.position < left.position == client.position()

    def test_one_who_left_without_his_mark_is_heard_once(
        self, client: Client, other: Client
    ) -> None:
        """That ends what near tiers hold, so it is numbered; it still is one change."""
        ear = Ear(other)
        ear.hears(lambda: client.leave("nobody", A))
        last = ear.hears(lambda: client.change(B))

        assert last is not None
        assert [told.stamps for told in ear.changes] == [(A,), (B,)]

    def test_a_pattern_and_a_new_epoch_may_be_anything(self, client: Client, other: Client) -> None:
        ear = Ear(other)
        ear.hears(lambda: client.add_pattern("x:*"), misses=True)
        ear.hears(lambda: client.new_epoch(), misses=True)
        told = ear.hears(lambda: client.change(A))

        assert told is not None
        assert told.epoch == client.epoch().nonce

    def test_what_changes_nothing_is_not_heard(self, client: Client, other: Client) -> None:
        """Captures come with every miss: each would make every page ask again."""
        ear = Ear(other)
        client.capture(A, B)
        client.read(A)
        client.confirm(client.capture(B), late=[B])
        client.renew("h1", "", "one")
        last = ear.hears(lambda: client.change(A))

        assert last is not None
        assert (len(ear.changes), ear.misses) == (1, 0)
