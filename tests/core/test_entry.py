"""Judging an entry: fresh, stale, dead or unsure, by stamps and clock alone."""

import pytest
from msgspec import structs

from keepwarm.core.entry import ANY_KEY, Debt, Life, Pattern, Patterns, Seen, Terms, life
from keepwarm.core.globs import Glob
from keepwarm.core.stamps import Epoch, Stamp

TERMS = Terms(100, 200, 300, 400, 500, 0.1, "e", 5, (("a", "1", "1"), ("b", "2", "2")), ("t",))
SEEN = Seen(Epoch("e"), 9, {"a": Stamp("1", "1", 3), "b": Stamp("2", "2", 4)})


def _with(name: str, stamp: Stamp | None) -> Seen:
    return SEEN.but(stamps={**SEEN.stamps, name: stamp})


@pytest.mark.parametrize(
    ("seen", "now", "expected"),
    [
        pytest.param(SEEN, 150, Life.FRESH, id="all-stamps-equal"),
        pytest.param(SEEN, 200, Life.STALE, id="past-fresh-until"),
        pytest.param(_with("b", None), 150, Life.DEAD, id="stamp-missing"),
        pytest.param(_with("b", Stamp("9", "2", 4)), 150, Life.DEAD, id="stamp-differs"),
        pytest.param(_with("b", Stamp("2", "9", 4)), 150, Life.STALE, id="soft-nonce-differs"),
        pytest.param(_with("b", Stamp("2", "2", 4, 0, "w:1")), 150, Life.DEAD, id="writer-inside"),
        pytest.param(SEEN.but(epoch=None), 150, Life.DEAD, id="epoch-missing"),
        pytest.param(SEEN.but(epoch=Epoch("f")), 150, Life.DEAD, id="epoch-differs"),
        pytest.param(SEEN.but(stamps={}), 150, Life.DEAD, id="nothing-read"),
        pytest.param(SEEN.but(epoch=Epoch("e", 6)), 150, Life.UNSURE, id="pattern-since"),
        pytest.param(SEEN.but(epoch=Epoch("e", 5)), 150, Life.FRESH, id="pattern-before"),
    ],
)
def test_life(seen: Seen, now: float, expected: Life) -> None:
    assert life(TERMS, seen, now) is expected


def _patterns(*items: tuple[int, str], floor: int = 0, epoch: str = "e") -> Patterns:
    newest = items[-1][0] if items else 0
    return Patterns(epoch, floor, newest, tuple(Pattern(n, Glob(g)) for n, g in items))


@pytest.mark.parametrize(
    ("patterns", "killed"),
    [
        pytest.param(_patterns((7, "list:*")), True, id="matches-later"),
        pytest.param(_patterns((7, "other:*")), False, id="matches-not"),
        pytest.param(_patterns((4, "list:*"), (7, "other")), False, id="matched-before-the-fill"),
        pytest.param(_patterns((7, "other:*"), floor=6), True, id="list-begins-after-the-fill"),
        pytest.param(_patterns((7, "other:*"), epoch="f"), True, id="list-of-another-epoch"),
        pytest.param(_patterns((6, "other:*")), True, id="list-ends-too-early"),
        pytest.param(_patterns(), True, id="list-lost"),
    ],
)
def test_patterns_kill_what_they_match_and_what_they_cannot_clear(
    patterns: Patterns, killed: bool
) -> None:
    assert patterns.kill("list:1", structs.replace(TERMS, own_position=5), Epoch("e", 7)) is killed


def test_a_pattern_kills_what_was_made_of_a_key_it_matches() -> None:
    terms = structs.replace(TERMS, own_position=5, keys=(("part:1", 3), ("part:2", 8)))
    epoch = Epoch("e", 7)

    assert _patterns((7, "part:1")).kill("whole", terms, epoch)
    assert not _patterns((7, "part:2")).kill("whole", terms, epoch), "filled after the pattern"
    assert not _patterns((7, "part:3")).kill("whole", terms, epoch)
    assert _patterns((7, "part:3")).kill(
        "whole", structs.replace(terms, keys=((ANY_KEY, 0),)), epoch
    )
    assert Debt(globs=(Glob("part:2"),)).hits("whole", terms)
    assert not Debt(globs=(Glob("part:3"),)).hits("whole", terms)


def test_debt_covers_by_stamp_by_glob_or_everything() -> None:
    assert not Debt().covers("k", ["a"])
    assert Debt(frozenset({"a"})).covers("k", ["a", "b"])
    assert Debt(globs=(Glob("k*"),)).covers("k1", [])
    assert Debt(everything=True).covers("anything", [])
    assert not Debt()
