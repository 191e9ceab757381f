"""Faults between one worker and the server, by its proxy."""

import asyncio
import random

from keepwarm.testing.chaos.stage import Stage


async def partition(stage: Stage, dice: random.Random) -> None:
    """Cut off: swallowed, held back, refused or reset."""
    async with stage.one_proxy(dice) as proxy:
        how = dice.choice((proxy.black_hole, proxy.freeze, proxy.refuse, proxy.reset))
        await asyncio.to_thread(how)
        await asyncio.sleep(dice.uniform(0.2, 1.5))


async def delay(stage: Stage, dice: random.Random) -> None:
    """Around the operation timeout and the lease."""
    async with stage.one_proxy(dice) as proxy:
        await asyncio.to_thread(proxy.delay, dice.uniform(0.05, 0.4))
        await asyncio.sleep(dice.uniform(0.3, 1.2))


async def lose_replies(stage: Stage, dice: random.Random) -> None:
    """Invalidations are carried out and nobody hears of it."""
    async with stage.one_proxy(dice) as proxy:
        await asyncio.to_thread(proxy.lose_replies)
        await asyncio.sleep(dice.uniform(0.1, 0.8))


async def tear_replies(stage: Stage, dice: random.Random) -> None:
    """A reset after some bytes, several times."""
    async with stage.one_proxy(dice) as proxy:
        for _ in range(dice.randrange(1, 6)):
            await asyncio.to_thread(proxy.cut_reply_after, dice.randrange(1, 3_000))
            await asyncio.sleep(dice.uniform(0.02, 0.2))


async def drip(stage: Stage, dice: random.Random) -> None:
    async with stage.one_proxy(dice) as proxy:
        await asyncio.to_thread(proxy.drip, dice.uniform(0.0002, 0.003))
        await asyncio.sleep(dice.uniform(0.3, 1.2))


async def lose_pushes(stage: Stage, dice: random.Random) -> None:
    """Of what others change nothing is heard, though the connection lives."""
    async with stage.one_proxy(dice) as proxy:
        await asyncio.to_thread(proxy.drop_pushes)
        await asyncio.sleep(dice.uniform(0.1, 1.5))
