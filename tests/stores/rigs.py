"""Rigs for the conformance suite: Redis or Valkey, async and blocking, alone and as a cluster."""

import time
from functools import partial
from typing import Any

import redis

from keepwarm.core.times import Times
from keepwarm.ports import BlockingShared
from keepwarm.stores.envelope import Sealing
from keepwarm.stores.redis.aio import AsyncRedis
from keepwarm.stores.redis.blocking import BlockingRedis
from keepwarm.stores.redis.settings import parse_address
from keepwarm.testing.conformance import OnLoop, Part, Rig, until

NAMES = {
    "epoch": "epoch",
    "position": "pos",
    "patterns": "patterns",
    "registry": "holders",
    "marks": "marks",
}


class RedisRig(Rig):
    """A namespace of its own on a server that others use, too."""

    url = ""
    is_async = False

    def __init__(self, times: Times) -> None:
        super().__init__(times)
        self.direct = self._direct()

    def _direct(self) -> Any:
        return redis.Redis.from_url(self.url)

    def connect(self, *, is_near: bool = False) -> BlockingShared:
        make = partial(
            AsyncRedis if self.is_async else BlockingRedis,
            parse_address(self.url),
            self.namespace,
            Sealing(),
            self.times.operation_s,
            times=self.times,
            is_strict=is_near,
        )
        return OnLoop(make) if self.is_async else make()

    def key(self, part: Part, name: str = "") -> str:
        if part == "entry":
            return name
        return f"{{{self.namespace}}}:{name if part == 'stamp' else NAMES[part]}"

    def lose(self, part: Part, name: str = "") -> bool:
        if part == "all":
            mine = (*self._found("{%s}:*"), *self._found("%s:*"))
            for key in mine:
                self.direct.delete(key)
        else:
            self.direct.delete(self.key(part, name))
        return True

    def plant(self, part: Part, raw: bytes | None, name: str = "") -> bool:
        key = self.key(part, name)
        self.direct.delete(key)
        if raw is None:
            self.direct.lpush(key, "x")
        else:
            self.direct.set(key, raw)
        return True

    def wait(self, seconds: float) -> None:
        end = self._time() + seconds
        until(lambda: self._time() > end, "the server's clock got there", seconds + 10)

    def close(self) -> None:
        self.lose("all")
        self.direct.close()

    def _found(self, pattern: str) -> list[bytes]:
        return list(self.direct.scan_iter(match=pattern % self.namespace, count=1_000))

    def _time(self) -> float:
        seconds, micros = self.direct.time()
        return float(seconds) + micros / 1e6


class AsyncRedisRig(RedisRig):
    is_async = True


class ClusterRig(RedisRig):
    """The same on a cluster: metadata on one node, entries on all."""

    def __init__(self, times: Times) -> None:
        super().__init__(times)
        self.url = self.url.replace("redis://", "redis+cluster://")

    def _direct(self) -> Any:
        return redis.RedisCluster.from_url(self.url)

    def _time(self) -> float:
        return time.time()  # its nodes are on this machine


class AsyncClusterRig(ClusterRig):
    is_async = True
