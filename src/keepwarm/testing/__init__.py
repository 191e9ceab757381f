"""For those who test what they build on keepwarm, and for keepwarm's own tests.

Interleavings of the recipes (`World`, `explore`, `sample`, `replay`) are here; real
servers are in `keepwarm.testing.servers`, broken connections in `keepwarm.testing.faults`.
"""

from keepwarm.testing.exploring import Exploration, Failure, explore, replay, sample
from keepwarm.testing.worlds import Rules, World

__all__ = ["Exploration", "Failure", "Rules", "World", "explore", "replay", "sample"]
