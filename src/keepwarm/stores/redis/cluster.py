"""Entries in a cluster: they lie on any node, so redis-py's client finds them.

Only entry bytes come this way. All metadata of a namespace lies in one slot, whose node
has a link of its own; `home` says which that is.
"""

import asyncio
from dataclasses import replace
from typing import Any

from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, ResponseError

from keepwarm.core.steps import Scan
from keepwarm.stores.redis.operations import Call, Command
from keepwarm.stores.redis.settings import MAX_CONNECTIONS, Address


class ClusterEntries:
    """One per event loop. Raises what redis-py raises."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        self._address = address
        # redis-py would retry by itself and multiply every timeout: retries are ours.
        common: dict[str, Any] = {"retry": Retry(NoBackoff(), 0), "protocol": 3}
        if address.tls:
            common["ssl"] = True
        make: Any = RedisCluster
        self._client: Any = make(
            host=address.host,
            port=address.port,
            username=address.username,
            password=address.password,
            max_connections=MAX_CONNECTIONS,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            **common,
        )
        self._is_outdated = False

    async def home(self, key: str) -> Address:
        """The address of the node that holds `key`, as the cluster last said."""
        await self._client.initialize()
        if self._is_outdated:
            await self._client.nodes_manager.initialize()
            self._is_outdated = False
        node = self._client.get_node_from_key(key)
        return replace(self._address, host=node.host, port=node.port)

    def renew(self) -> None:
        """Have `home` ask the cluster anew where things are."""
        self._is_outdated = True

    async def ask(self, command: Command | Call, deadline: float) -> Any:
        async with asyncio.timeout_at(deadline):
            if not isinstance(command, Call):
                if command[0] == "MGET":
                    return await self._client.mget_nonatomic(command[1:])
                try:
                    return await self._client.execute_command(*command)
                except ResponseError as error:
                    if not str(error).startswith("WRONGTYPE"):
                        raise
                    return None  # of another kind: as good as missing
            arguments = (len(command.keys), *command.keys, *command.args)
            try:
                return await self._client.execute_command("EVALSHA", command.script.sha, *arguments)
            except NoScriptError:
                return await self._client.execute_command("EVAL", command.script.text, *arguments)

    async def scan(self, step: Scan) -> tuple[str, ...]:
        walk = self._client.scan_iter(match=step.match, count=500)
        return tuple([name_of(key) async for key in walk][: step.limit])

    async def aclose(self) -> None:
        await self._client.aclose()


def name_of(key: bytes) -> str:
    """A key of the store as text."""
    return key.decode("utf-8", "replace")
