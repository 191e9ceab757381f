"""Faults of the workers: killed, stopped, cancelled, forked, and their clocks stepped."""

import asyncio
import random

from keepwarm.testing.chaos.stage import Stage
from keepwarm.testing.chaos.worker import Order


async def kill(stage: Stage, dice: random.Random) -> None:
    """kill -9, and a new process in its place."""
    async with stage.crew.one(dice) as worker:
        await stage.crew.replace(worker)


async def pause(stage: Stage, dice: random.Random) -> None:
    """SIGSTOP for longer than a lease lives."""
    async with stage.crew.one(dice) as worker:
        stage.crew.stop(worker)
        try:
            await asyncio.sleep(dice.uniform(0.3, 1))
        finally:
            stage.crew.go_on(worker)


async def cancel(stage: Stage, dice: random.Random) -> None:
    """Workers with a loop cancel calls of their own, at one await or another."""
    for worker in stage.crew.workers:
        async with worker.lock:
            stage.crew.tell(worker, Order.CANCEL, True)
    await asyncio.sleep(dice.uniform(0.5, 2))
    for worker in stage.crew.workers:
        async with worker.lock:
            stage.crew.tell(worker, Order.CANCEL, False)


async def fork(stage: Stage, dice: random.Random) -> None:
    """A child that goes on with the cache it inherited, in whatever state that is."""
    for worker in stage.crew.workers:
        async with worker.lock:
            stage.crew.tell(worker, Order.FORK)
    await asyncio.sleep(dice.uniform(0, 0.5))


async def step_clock(stage: Stage, dice: random.Random) -> None:
    """A worker's wall clock jumps, forth or back."""
    async with stage.crew.one(dice) as worker:
        by_s = dice.choice((0.5, 5.0, 90.0, 3_600.0)) * dice.choice((-1, 1))
        stage.crew.tell(worker, Order.STEP, by_s)
