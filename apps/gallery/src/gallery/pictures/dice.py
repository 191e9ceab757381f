"""Seeded dice: named streams, so that a new hair style moves no nose."""

from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """An endless, repeatable stream of choices for one part of one picture.

    Only `Random.random` is drawn from: its sequence for a seed is promised to
    stay the same across Python versions, that of the other methods is not.
    """

    def __init__(self, seed: int, stream: str) -> None:
        digest = blake2b(f"{seed}/{stream}".encode(), digest_size=8).digest()
        self._draw = Random(int.from_bytes(digest, "big")).random

    def chance(self, probability: float) -> bool:
        return self._draw() < probability

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self._draw()

    def centred(self, spread: float) -> float:
        """A number in ±`spread`, near zero more often than not."""
        return (self._draw() + self._draw() - 1) * spread

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._draw() * (high - low + 1))

    def side(self) -> int:
        return 1 if self._draw() < 0.5 else -1

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(self._draw() * len(choices))]

    def weigh(self, weights: dict[T, float]) -> T:
        """One of the keys, as often as its weight says."""
        left = self._draw() * sum(weights.values())
        chosen = None
        for choice, weight in weights.items():
            if weight <= 0:
                continue
            chosen = choice
            left -= weight
            if left < 0:
                break
        if chosen is None:
            raise ValueError("no choice has a weight above zero")
        return chosen
