"""Rules about entries: written, read, replaced, deleted, found, counted."""

import threading

import pytest

from keepwarm.core.globs import Glob
from keepwarm.core.steps import (
    DeleteShared,
    Describe,
    Facts,
    Ping,
    ReplaceShared,
    Scan,
    WriteShared,
)
from keepwarm.testing.conformance.client import NOW, Client, entry
from keepwarm.testing.conformance.rig import Rig
from keepwarm.testing.conformance.rules import Rules, lose, plant
from keepwarm.testing.conformance.stamps import A


class EntryRules(Rules):
    """Entries are bytes with terms; a store keeps them whole or not at all."""

    def test_a_store_answers_a_ping(self, client: Client) -> None:
        """The probe that closes the breaker."""
        assert client.store.answer(Ping()) is None

    def test_entries_come_back_as_they_were_written_in_the_order_asked(
        self, client: Client, other: Client, rig: Rig
    ) -> None:
        """Terms and bytes, exactly, whatever they are; a missing one is None in its place."""
        seen = client.capture(A)
        payloads = (b"", b"v", bytes(range(256)), b"x" * 300_000)
        stored = {
            rig.named(str(n)): entry(seen, A, payload=payload) for n, payload in enumerate(payloads)
        }
        assert client.store.answer(WriteShared(tuple(stored.items()), NOW)) is True

        names = (*reversed(stored), rig.named("none"))
        found = other.read(A, entries=names)

        assert found.entries == (*reversed(stored.values()), None)
        assert found.foreign == 0
        assert found.stamps == seen.stamps

    def test_the_last_write_counts(self, client: Client, rig: Rig) -> None:
        seen, name = client.capture(A), rig.named("e")
        client.write(name, entry(seen, A, payload=b"one"))

        client.write(name, entry(seen, A, payload=b"two"))

        assert client.entry(name) == entry(seen, A, payload=b"two")

    def test_writing_and_deleting_nothing_is_no_error(self, client: Client) -> None:
        """What is left to do may be nothing; that says nothing about the store."""
        assert client.store.answer(WriteShared((), NOW)) is True
        assert client.store.answer(DeleteShared(())) is None

    def test_an_entry_past_its_time_may_still_be_written(self, client: Client, rig: Rig) -> None:
        """Clocks of filling hosts differ from the store's: no expiry lies in its past."""
        stored = entry(client.capture(A), A)

        assert client.store.answer(WriteShared(((rig.named("e"), stored),), NOW + 10**6)) is True

    def test_deleted_and_lost_entries_are_missing(self, client: Client, rig: Rig) -> None:
        seen = client.capture(A)
        names = [rig.named(key) for key in "abc"]
        for name in names:
            client.write(name, entry(seen, A))
        assert client.store.answer(DeleteShared((names[0], rig.named("never")))) is None
        lose(rig, "entry", names[1])

        found = client.read(entries=tuple(names)).entries

        assert [stored is None for stored in found] == [True, True, False]

    def test_an_entry_is_replaced_only_while_it_is_the_same(self, client: Client, rig: Rig) -> None:
        """`touch` must not revive an entry over the one that has just taken its place."""
        seen, name = client.capture(A), rig.named("e")
        old, new = entry(seen, A, payload=b"old"), entry(seen, A, payload=b"new")
        client.write(name, old)

        def swap(at: str, was: bytes) -> bool:
            step = ReplaceShared(at, entry(seen, A, payload=was), new, NOW)
            return client.store.answer(step)

        assert swap(name, b"another") is False
        assert swap(rig.named("none"), b"old") is False
        assert client.entry(name) == old
        assert client.entry(rig.named("none")) is None
        assert swap(name, b"old") is True
        assert client.entry(name) == new
        assert swap(name, b"old") is False

    def test_terms_count_when_entries_are_compared(self, client: Client, rig: Rig) -> None:
        """The same bytes filled after an invalidation are another entry."""
        name = rig.named("e")
        old = entry(client.capture(A), A)
        client.change(A)
        new = entry(client.capture(A), A)
        client.write(name, new)

        assert client.store.answer(ReplaceShared(name, old, old, NOW)) is False

    @pytest.mark.parametrize(
        "raw",
        [b"", b"\x00", b"\xff" * 300, b"not ours", None],
        ids=["empty", "nul", "high", "words", "another-kind"],
    )
    def test_foreign_bytes_are_a_missing_entry(
        self, client: Client, rig: Rig, raw: bytes | None
    ) -> None:
        """G8: counted as foreign, never an exception; the next write mends it."""
        seen, name = client.capture(A), rig.named("e")
        good = rig.named("good")
        stored = entry(seen, A)
        client.write(good, stored)
        plant(rig, "entry", raw, name)

        found = client.read(A, entries=(name, good))

        assert found.entries == (None, stored)
        assert client.store.answer(ReplaceShared(name, stored, stored, NOW)) is False
        client.write(name, stored)
        assert client.entry(name) == stored

    def test_scan_finds_names_by_pattern_up_to_a_limit(self, client: Client, rig: Rig) -> None:
        """For people who look; nothing depends on it."""
        seen = client.capture(A)
        names = [rig.named(f"list:{n}") for n in range(1_200)]
        some = [(name, entry(seen, A)) for name in (*names, rig.named("other:1"))]
        client.store.answer(WriteShared(tuple(some), NOW))

        def scan(pattern: str, limit: int) -> tuple[str, ...]:
            return client.store.answer(Scan(Glob(pattern).redis(rig.namespace), limit))

        assert sorted(scan("list:*", 5_000)) == sorted(names)
        assert len(scan("list:*", 7)) == 7
        assert scan("list:?", 5_000)
        assert scan("nothing:*", 10) == ()

    def test_a_store_says_what_it_knows_of_itself(self, client: Client, rig: Rig) -> None:
        client.write(rig.named("e"), entry(client.capture(A), A))

        facts = client.store.answer(Describe())

        assert isinstance(facts, Facts)
        assert facts.entries is None or facts.entries >= 1
        assert facts.used_bytes is None or facts.used_bytes > 0

    def test_a_store_that_answers_is_up_and_says_what_is_off_in_words(self, client: Client) -> None:
        client.capture(A)

        assert client.store.is_up
        assert all(isinstance(note, str) for note in client.store.notes)

    def test_replacing_is_one_step(self, client: Client, rig: Rig) -> None:
        """Of many who swap the same entry exactly one does."""
        seen, name = client.capture(A), rig.named("e")
        old = entry(seen, A, payload=b"old")
        client.write(name, old)
        won: list[int] = []
        start = threading.Barrier(8)

        def swap(n: int) -> None:
            new = entry(seen, A, payload=b"new %d" % n)
            start.wait()
            if client.store.answer(ReplaceShared(name, old, new, NOW)):
                won.append(n)

        threads = [threading.Thread(target=swap, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(won) == 1
        assert client.entry(name) == entry(seen, A, payload=b"new %d" % won[0])
