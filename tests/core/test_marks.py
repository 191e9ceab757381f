"""Marks that writers hold too long are told, with their share of the time."""

import pytest

from keepwarm import Cache
from keepwarm.observe.marks import Marks, too_busy


def shares(marks: Marks, now: float) -> dict[str, float]:
    return dict(marks.busiest(now))


def test_what_is_marked_for_a_tenth_of_the_time_is_not_told() -> None:
    marks = Marks()
    for second in range(0, 240, 10):
        marks.entered("w", ("a", "b"), second)
        marks.left("w", second + 0.9)
    assert shares(marks, 240.0) == {}


def test_what_is_marked_for_longer_is_and_forgotten_when_that_is_over() -> None:
    marks = Marks()
    for second in range(0, 240, 10):
        marks.entered("w", ("a", "b"), second)
        marks.left("w", second + 5)
    assert shares(marks, 240.0) == pytest.approx({"a": 0.5, "b": 0.5}, abs=0.05)
    assert shares(marks, 400.0) == {}
    assert not marks._tags, "and costs no memory"


def test_several_writers_at_once_count_once() -> None:
    marks = Marks()
    marks.entered("x", ("a",), 0.0)
    marks.entered("y", ("a",), 10.0)
    marks.left("x", 20.0)
    marks.left("y", 30.0)
    assert shares(marks, 60.0) == pytest.approx({"a": 0.5})


def test_a_writer_that_stays_counts_until_now_and_longer_than_a_window() -> None:
    marks = Marks()
    marks.entered("x", ("a",), 0.0)
    assert shares(marks, 30.0)["a"] == pytest.approx(1 / 3)
    assert shares(marks, 500.0)["a"] == pytest.approx(1.0)


def test_who_leaves_without_having_entered_is_ignored() -> None:
    marks = Marks()
    marks.left("nobody", 1.0)
    assert shares(marks, 2.0) == {}


def test_it_says_what_to_do() -> None:
    said = too_busy((("a", 0.54), ("b", 0.2)))
    assert said.startswith("a and 1 more: marked by writers")
    assert "54%" in said


async def test_health_tells_of_a_tag_that_is_always_being_written() -> None:
    now = 0.0

    class Still:
        def wall(self) -> float:
            return 1_700_000_000.0 + now

        def mono(self) -> float:
            return now

    async with Cache(clock=Still()) as cache:
        assert not (await cache.health()).notes
        async with cache.writing("characters"):
            now = 30.0
        notes = (await cache.health()).notes
        assert any("characters: marked by writers" in note for note in notes)
