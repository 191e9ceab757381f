"""What is left to chance never touches the app's own."""

import os
import random
from collections.abc import Callable

from keepwarm import Cache
from keepwarm.dice import DICE


async def test_an_app_that_seeded_random_keeps_its_course(make: Callable[..., Cache]) -> None:
    random.seed(7)
    before, drawn = random.getstate(), DICE.getstate()
    async with make() as cache:
        assert await cache.get_or_set("k", lambda: 1, "plain") == 1
    assert DICE.getstate() != drawn, "a lifetime was varied"
    assert random.getstate() == before


def test_forked_children_throw_dice_of_their_own() -> None:
    thrown = set()
    for _ in range(2):
        readable, writable = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writable, repr(DICE.random()).encode())
            os._exit(0)
        os.waitpid(child, 0)
        thrown.add(os.read(readable, 100))
        os.close(readable)
        os.close(writable)
    assert len(thrown) == 2
