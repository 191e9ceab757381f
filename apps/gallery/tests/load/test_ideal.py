"""The unlimited cache on cases that can be counted by hand."""

from gallery.load.ideal import Happening, Touch, UnlimitedCache
from keepwarm import Policy

POLICIES = {"page": Policy("10s", stale_while_revalidate="5s"), "card": Policy("100s")}
PAGE = Touch("page:1", "page", ("all",))
CARD, OTHER = Touch("card:1", "card", ("one",)), Touch("card:2", "card", ("two",))


def played(*happenings: Happening, trial_s: float = 0.0) -> tuple[int, int]:
    cache = UnlimitedCache(POLICIES, trial_s=trial_s)
    for one in happenings:
        cache.meet(one)
    return cache.counted.hits, cache.counted.misses


def test_a_second_call_hits() -> None:
    first, second = (
        Happening(0.0, touches=(PAGE, CARD, OTHER)),
        Happening(1.0, touches=(PAGE, CARD)),
    )

    assert played(first, second) == (2, 3)


def test_an_entry_lives_as_long_as_its_ttl_and_stale_window() -> None:
    times = (0.0, 9.9, 14.9, 29.9)  # filled; fresh; stale and refreshed; dead since 29.9

    assert played(*(Happening(at, touches=(PAGE,)) for at in times)) == (2, 2)


def test_a_tag_ends_what_carries_it_and_nothing_else() -> None:
    assert played(
        Happening(0.0, touches=(CARD, OTHER)),
        Happening(1.0, ends=("one",)),
        Happening(2.0, touches=(CARD, OTHER)),
    ) == (1, 3)


def test_a_write_reads_back_after_it_has_ended_copies() -> None:
    assert played(
        Happening(0.0, touches=(CARD,)),
        Happening(1.0, ends=("one",), touches=(CARD,)),
        Happening(2.0, touches=(CARD,)),
    ) == (1, 2)


def test_what_a_fill_calls_itself_is_called_on_a_miss_only() -> None:
    outer = Touch("page:2", "page", (), inner=(CARD,))

    assert played(Happening(0.0, touches=(outer,)), Happening(1.0, touches=(outer,))) == (1, 2)


def test_what_was_filled_in_a_new_store_ends_when_that_is_trusted() -> None:
    times = (0.0, 9.0, 10.0, 60.0)  # filled; still there; ended, filled again; trusted now
    loads = [Happening(at, touches=(CARD,)) for at in times]

    assert played(*loads, trial_s=10.0) == (2, 2)
    assert played(*loads) == (3, 1)


def test_what_is_filled_later_is_trusted_at_once() -> None:
    happened = played(
        Happening(100.0),  # as of a wall clock: the store begins with the first that happens
        Happening(111.0, touches=(CARD,)),
        Happening(129.0, touches=(CARD,)),
        trial_s=10.0,
    )

    assert happened == (1, 1)
