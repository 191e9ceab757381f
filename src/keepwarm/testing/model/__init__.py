"""The protocol, abstracted to small models that are explored state by state.

Where `keepwarm.testing.worlds` plays the real recipes in every order of a few steps, a
model is played in every order of everything that can happen to it, faults included, as far
as the bound reaches. `python -m keepwarm.testing.model` explores five million states.

    for found in explore(states=100_000):
        assert found.violation is None, found.violation
        print(found)
"""

from collections.abc import Iterator
from typing import Any

from keepwarm.testing.model.fills import Fills
from keepwarm.testing.model.near import NearTier
from keepwarm.testing.model.search import Model, Reads, Search, Violation, replay, search
from keepwarm.testing.model.writers import Writers

MODELS: tuple[tuple[Model[Any], float], ...] = (
    (Writers(faults=2, changes=1), 0.11),
    (Fills(writes=1, fills=1), 0.04),
    (NearTier(1, writes=1, others=0, faults=1), 0.14),
    (NearTier(1, writes=1, others=0, faults=1, trial=True), 0.14),
    (Fills(), 0.14),
    (NearTier(1), 0.19),
    (NearTier(2), 0.24),
)
"""Each with its share of the states; what one has no use for goes to those after it."""


def explore(states: int) -> Iterator[Search]:
    """Search every model, `states` in all."""
    left, shares = states, sum(share for _, share in MODELS)
    for model, share in MODELS:
        found = search(model, int(left * share / shares))
        yield found
        left, shares = left - found.states, shares - share


__all__ = [
    "MODELS",
    "Fills",
    "Model",
    "NearTier",
    "Reads",
    "Search",
    "Violation",
    "Writers",
    "explore",
    "replay",
    "search",
]
