"""Every fault by name: what it does to the stage, and what it needs there.

An injector does its fault once and undoes it before it returns. A run repeats it, with
pauses, until its time is over; injectors of several faults run side by side and take turns
only where they would undo each other's work.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from keepwarm.testing.chaos import clients, network, servers
from keepwarm.testing.chaos.stage import Need, Stage, fake_time_library


def _nothing_missing(_server: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Injector:
    """`missing` says why it cannot run here on a kind of server; empty if it can."""

    name: str
    about: str
    inject: Callable[[Stage, random.Random], Awaitable[None]]
    needs: Need = Need.NOTHING
    pause_s: tuple[float, float] = (0.2, 0.8)
    missing: Callable[[str], str] = _nothing_missing


def _no_fake_time(server: str) -> str:
    if not fake_time_library():
        return "libfaketime is not installed"
    # Its allocator asks for the time before the library is ready, and then never starts.
    return "Debian's Redis does not start under libfaketime" if server == "redis" else ""


INJECTORS = {
    injector.name: injector
    for injector in (
        Injector("kill-server", "kill -9, started again empty", servers.kill),
        Injector("freeze-server", "SIGSTOP for 0.5 to 2 s", servers.freeze),
        Injector("old-snapshot", "SAVE, later kill -9 and a start from it", servers.old_snapshot),
        Injector("loading", "-LOADING for a second", servers.load_slowly, Need.SLOW_LOADING),
        Injector("busy", "-BUSY: a script that does not end", servers.be_busy),
        Injector("oom", "-OOM: full, and nothing is evicted", servers.be_full),
        Injector("evict", "memory so short that metadata is evicted", servers.evict),
        Injector("delete-metadata", "single keys vanish", servers.delete, pause_s=(0, 0.05)),
        Injector("flush", "FLUSHALL", servers.flush),
        Injector("failover", "to a replica that lags, and back", servers.fail_over, Need.SPARE),
        Injector(
            "clock-server", "steps of seconds to an hour", servers.step_clock, Need.FAKE_TIME,
            missing=_no_fake_time,
        ),
        Injector("partition", "one worker is cut off", network.partition, Need.PROXIES),
        Injector("late-replies", "by 50 to 400 ms", network.delay, Need.PROXIES),
        Injector("lost-replies", "carried out, never answered", network.lose_replies, Need.PROXIES),
        Injector("torn-replies", "a reset in mid-reply", network.tear_replies, Need.PROXIES),
        Injector("slow-bytes", "replies byte by byte", network.drip, Need.PROXIES),
        Injector("lost-pushes", "while replies arrive", network.lose_pushes, Need.PUSHES),
        Injector("kill-worker", "kill -9, replaced", clients.kill),
        Injector("pause-worker", "SIGSTOP for 0.3 to 1 s", clients.pause),
        Injector("cancel", "calls cancelled at random awaits", clients.cancel),
        Injector("fork", "every worker forks", clients.fork),
        Injector("clock-worker", "steps of its wall clock", clients.step_clock),
    )
}  # fmt: skip


async def keep_injecting(
    injector: Injector, stage: Stage, dice: random.Random, until: float
) -> None:
    """Again and again until the instant `until` of time.monotonic()."""
    while True:
        await asyncio.sleep(dice.uniform(*injector.pause_s))
        if time.monotonic() >= until:
            return
        with stage.during(injector.name):
            await injector.inject(stage, dice)
