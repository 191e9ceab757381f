"""The models of the protocol: no state within the bound breaks a promise."""

from typing import Any

import pytest

from keepwarm.testing.model import MODELS, Model, NearTier, Writers, explore, replay, search
from keepwarm.testing.model.writers import OVER, TRIAL


def named(model: Any) -> str:
    return model.name.replace(" ", "-") if hasattr(model, "name") else ""


@pytest.mark.parametrize("model", [model for model, _ in MODELS], ids=named)
def test_no_state_breaks_a_promise(model: Model[Any]) -> None:
    found = search(model, 25_000)
    print(found)

    assert found.violation is None, found.violation
    assert found.states == 25_000
    assert found.overlapping > 30, "reads during an invalidation are what this is about"


def test_two_writers_are_explored_to_the_end() -> None:
    found = search(Writers(faults=1, changes=0), 90_000)
    print(found)

    assert found.violation is None, found.violation
    assert found.is_complete


@pytest.mark.more
@pytest.mark.timeout(600)
def test_no_state_of_many_more_breaks_a_promise() -> None:
    for found in explore(800_000):
        print(found)
        assert found.violation is None, found.violation


class _Forgetful(Writers):
    """As the store once was: at the end of a trial a living writer's mark went with it."""

    def is_due(self, s: Any) -> bool:
        return s[TRIAL] == OVER or super().is_due(s)


def test_a_broken_promise_is_told_as_a_story_that_replays() -> None:
    violation = search(_Forgetful(faults=0, changes=0), 60_000).violation

    assert violation is not None
    told = str(violation)
    assert "  1. nothing is stored" in told
    assert "writer 1 commits" in told
    _, reads = replay(_Forgetful(faults=0, changes=0), violation.moves)
    assert reads.broken == violation.broken == "the store serves version 1 though 2 is committed"
    for end in range(1, len(violation.moves)):
        assert not replay(_Forgetful(faults=0, changes=0), violation.moves[:end])[1].broken, (
            "no shorter one"
        )


def test_the_same_moves_do_no_harm_where_the_rule_holds() -> None:
    """The story is impossible with the rule: some move of it cannot happen."""
    violation = search(_Forgetful(faults=0, changes=0), 60_000).violation
    assert violation is not None

    with pytest.raises(KeyError):
        replay(Writers(faults=0, changes=0), violation.moves)


def test_a_search_is_the_same_each_time() -> None:
    assert search(NearTier(1), 5_000) == search(NearTier(1), 5_000)
