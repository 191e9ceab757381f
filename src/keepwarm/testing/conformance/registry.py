"""Rules about who may answer from a near tier: Renew, Strike, and what a change says of it."""

from keepwarm.core.steps import Changed, Holder
from keepwarm.testing.conformance.client import Client
from keepwarm.testing.conformance.rig import Rig
from keepwarm.testing.conformance.rules import Rules, lose, plant
from keepwarm.testing.conformance.stamps import A, B


class RegistryRules(Rules):
    """An acknowledgement waits for everyone whom the registry may have forgotten to name."""

    def test_who_renewed_is_named_by_every_change_that_ends_something(
        self, client: Client, other: Client
    ) -> None:
        other.renew("h1", "", "one")
        holder = Holder("h1", "one", 1)

        changes = [
            client.change(A),
            client.change(A, is_soft=True),
            client.enter("w", A),
            client.add_pattern("x:*"),
            client.new_epoch(),
            client.leave("nobody", A),
        ]

        assert [holder in changed.holders for changed in changes] == [True] * 6

    def test_a_first_renewal_begins_an_incarnation(self, client: Client) -> None:
        """Under the name that the holder chose: nobody confirms for one he does not know."""
        renewed = client.renew("h1", "", "one")

        assert not renewed.continued
        assert holders(client.change(A)) == {"h1": ("one", 1)}

    def test_a_known_incarnation_is_continued_and_counted(self, client: Client) -> None:
        """The count tells one who stayed silent from one who was renewing meanwhile."""
        client.renew("h1", "", "one")

        assert client.renew("h1", "one", "two").continued
        assert client.renew("h1", "one", "three").continued
        assert holders(client.change(A)) == {"h1": ("one", 3)}

    def test_an_unknown_incarnation_begins_anew(self, client: Client) -> None:
        """He was struck off, or the registry was lost: what he mirrors he was not told of."""
        client.renew("h1", "", "one")

        assert not client.renew("h1", "another", "two").continued
        assert holders(client.change(A)) == {"h1": ("two", 1)}

    def test_a_heartbeat_of_nobody_registers_nobody(self, client: Client) -> None:
        client.renew("")

        assert holders(client.change(A)) == {}

    def test_a_renewal_tells_epoch_position_and_clock(self, client: Client) -> None:
        client.capture(A)
        renewed = client.renew("h1", "", "one")

        assert renewed.epoch == client.epoch()
        assert renewed.position == client.position()
        assert renewed.server_ms > 0

    def test_changes_are_numbered_without_gaps(self, client: Client) -> None:
        """A near tier that was not told of a number knows that it missed something."""
        start = client.renew("").told
        client.change(A)
        client.change(A, is_soft=True)
        client.enter("w", A)
        client.add_pattern("x:*")
        client.leave("nobody", B)

        assert client.renew("").told == start + 5

    def test_what_ends_nothing_is_not_numbered(self, client: Client) -> None:
        """Who is told too much loses what he mirrors: captures come with every miss."""
        client.capture(A)
        client.enter("w", A)
        start = client.renew("").told
        client.capture(A, B)
        client.read(A)
        client.confirm(client.capture(B), late=[B])
        client.inside("w", A)
        client.leave("w", A)  # while he was inside, the stamp was in no mirror

        assert client.renew("").told == start

    def test_a_new_registry_is_incomplete(self, client: Client) -> None:
        """Who had a lease under the one before is not in it: all must be waited for."""
        changed = client.change(A)

        assert not changed.is_complete
        assert changed.registry

    def test_it_is_complete_once_somebody_vouched_for_it(self, client: Client) -> None:
        """After the longest lease that it could have forgotten."""
        registry = client.change(A).registry

        client.strike(registry=registry, is_whole=True)

        assert client.change(A).is_complete
        assert client.change(A).registry == registry
        assert client.renew("").is_complete

    def test_a_lost_registry_is_another_and_incomplete(self, client: Client, rig: Rig) -> None:
        renewed = client.renew("h1", "", "one")
        client.strike(registry=renewed.registry, is_whole=True)
        lose(rig, "registry")

        changed = client.change(A)

        assert not changed.is_complete
        assert changed.registry != renewed.registry
        assert holders(changed) == {}
        assert not client.renew("h1", "one", "two").continued

    def test_a_registry_that_is_something_else_is_a_lost_one(
        self, client: Client, rig: Rig
    ) -> None:
        renewed = client.renew("h1", "", "one")
        client.strike(registry=renewed.registry, is_whole=True)
        plant(rig, "registry", b"not ours")

        changed = client.change(A)

        assert not changed.is_complete
        assert changed.registry != renewed.registry

    def test_to_vouch_for_a_lost_registry_is_in_vain(self, client: Client, rig: Rig) -> None:
        """1. the registry is lost  2. somebody renews into the new one  3. who waited for
        the old one says that it is whole."""
        registry = client.change(A).registry
        lose(rig, "registry")
        client.renew("h1", "", "one")

        client.strike(Holder("h1", "one", 1), registry=registry, is_whole=True)

        changed = client.change(A)
        assert not changed.is_complete
        assert holders(changed) == {"h1": ("one", 1)}

    def test_who_stayed_silent_is_struck(self, client: Client) -> None:
        client.renew("h1", "", "one")
        client.renew("h2", "", "one")
        changed = client.change(A)
        silent = tuple(h for h in changed.holders if h.name == "h1")

        client.strike(*silent, registry=changed.registry)

        assert holders(client.change(A)) == {"h2": ("one", 1)}
        assert not client.renew("h1", "one", "two").continued

    def test_who_renewed_meanwhile_is_not_struck(self, client: Client) -> None:
        """He was slow to confirm, but he lives: he goes on being waited for."""
        client.renew("h1", "", "one")
        changed = client.change(A)
        client.renew("h1", "one", "two")

        client.strike(*changed.holders, registry=changed.registry)

        assert holders(client.change(A)) == {"h1": ("one", 2)}

    def test_another_incarnation_is_not_struck(self, client: Client) -> None:
        client.renew("h1", "", "one")
        changed = client.change(A)
        client.renew("h1", "", "two")

        client.strike(*changed.holders, registry=changed.registry)

        assert holders(client.change(A)) == {"h1": ("two", 1)}

    def test_the_registry_outlives_a_new_epoch_made_by_hand(self, client: Client) -> None:
        """`clear()` has to be confirmed by all, too."""
        renewed = client.renew("h1", "", "one")
        client.strike(registry=renewed.registry, is_whole=True)

        changed = client.new_epoch()

        assert changed.is_complete
        assert holders(changed) == {"h1": ("one", 1)}
        assert client.renew("h1", "one", "two").continued

    def test_numbers_begin_again_with_an_epoch_and_count_its_beginning(
        self, client: Client
    ) -> None:
        """A near tier takes numbers of another epoch for a reason to forget everything."""
        client.change(A)
        client.new_epoch()
        renewed = client.renew("")

        client.change(A)

        assert client.renew("").told == renewed.told + 1

    def test_a_leave_that_lost_nothing_waits_for_nobody(self, client: Client) -> None:
        """While the stamp was dirty it was in no mirror."""
        client.renew("h1", "", "one")
        client.enter("w", A)

        left = client.leave("w", A)

        assert left.is_complete
        assert left.holders == ()

    def test_each_change_has_a_name_of_its_own(self, client: Client) -> None:
        """Confirmations of one must not count for another."""
        names = {client.change(A).id for _ in range(20)} | {client.enter("w", A).id}

        assert len(names) == 21
        assert "" not in names


def holders(changed: Changed) -> dict[str, tuple[str, int]]:
    return {holder.name: (holder.incarnation, holder.count) for holder in changed.holders}
