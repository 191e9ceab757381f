"""Values tell when they are not what was asked for."""

import random
from dataclasses import replace

import pytest

from keepwarm.testing.chaos.values import (
    FLICKERING,
    KEYED,
    MATCHED,
    ROWS,
    TAGGED,
    Kind,
    choose,
    choose_rows,
    key_of,
    numbers_of,
    problem,
    rows_of,
    seal,
)


def test_the_right_value_is_right() -> None:
    assert problem(seal("one:5", [(5, 7)]), "one:5", (5,)) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        seal("one:6", [(6, 7)]),
        seal("one:5", [(6, 7)]),
        seal("one:5", [(5, 7), (6, 7)]),
        replace(seal("one:5", [(5, 7)]), rows=((5, 8),)),
        replace(seal("one:5", [(5, 7)]), text="another's"),
        replace(seal("one:5", [(5, 7)]), sum=0),
    ],
)
def test_another_value_is_a_problem(wrong: object) -> None:
    assert problem(wrong, "one:5", (5,))


def test_every_row_belongs_to_one_family() -> None:
    assert [*TAGGED, *KEYED, *MATCHED, *FLICKERING] == list(range(ROWS))


def test_readers_and_writers_meet_everywhere() -> None:
    dice = random.Random(1)
    reads = {choose(dice) for _ in range(30_000)}
    written = {row for _ in range(5_000) for row in choose_rows(dice)}

    assert {kind for kind, _ in reads} == set(Kind)
    assert all(number in numbers_of(kind) for kind, number in reads)
    assert {row for kind, number in reads for row in rows_of(kind, number)} == set(range(ROWS))
    assert written == set(range(ROWS))


def test_no_two_functions_share_a_key_but_one_and_batch() -> None:
    keys = [key_of(kind, n) for kind in Kind if kind is not Kind.BATCH for n in numbers_of(kind)]

    assert len(keys) == len(set(keys))
    assert key_of(Kind.BATCH, 5) == key_of(Kind.ONE, 5)
