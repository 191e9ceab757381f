"""The shared store in Redis or Valkey for the async engine, on redis-py's connections."""

import asyncio
from typing import Any, TypeVar, cast

import redis.asyncio as redis_async
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from keepwarm.core.steps import Describe, Facts, ReplaceShared, Scan, Step
from keepwarm.ports import StoreAway
from keepwarm.stores.envelope import Sealing
from keepwarm.stores.redis.failures import GONE, as_away
from keepwarm.stores.redis.operations import Call, Command, Operation, Operations
from keepwarm.stores.redis.reports import facts
from keepwarm.stores.redis.settings import MAX_CONNECTIONS, OPERATION_TIMEOUT_S, Address

R = TypeVar("R")
_SCAN_COUNT = 500


class AsyncRedis:
    """Answers the shared steps over a pool of connections of one event loop.

    Each connection greets the server before its first use: an epoch made elsewhere (before
    a restart from an old snapshot, or on another primary) is replaced then. An operation
    takes at most `timeout_s`, connecting included.
    """

    def __init__(
        self,
        address: Address,
        namespace: str,
        sealing: Sealing,
        timeout_s: float = OPERATION_TIMEOUT_S,
    ) -> None:
        self._operations = Operations(namespace, sealing)
        self._timeout_s = timeout_s
        self._is_cluster = address.is_cluster
        self._notes: tuple[str, ...] = ()
        # redis-py would retry by itself and multiply every timeout: retries are ours.
        common: dict[str, Any] = {
            "socket_timeout": timeout_s,
            "socket_connect_timeout": timeout_s,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 3,
        }
        if address.is_cluster:
            if address.tls:
                common["ssl"] = True
            self._client: Any = RedisCluster(
                host=address.host,
                port=address.port,
                username=address.username,
                password=address.password,
                max_connections=MAX_CONNECTIONS,
                **common,
            )
            self._greeted = False
            return
        self._greeted = True
        kind: type[Any] = redis_async.Connection
        if address.path:
            kind = redis_async.UnixDomainSocketConnection
        elif address.tls:
            kind = redis_async.SSLConnection
        pool = redis_async.BlockingConnectionPool(
            connection_class=kind,
            max_connections=MAX_CONNECTIONS,
            timeout=timeout_s,
            redis_connect_func=self._greet,
            **address.arguments(),
            **common,
        )
        self._client = redis_async.Redis(connection_pool=pool)

    async def answer(self, step: Step[R]) -> R:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._answer(step)
        except (RedisError, OSError, TimeoutError) as error:
            away = as_away(error)
        if away.why in GONE:
            await self._disconnect()
        raise away

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _disconnect(self) -> None:
        if self._is_cluster:
            self._greeted = False
        else:
            await self._client.connection_pool.disconnect(inuse_connections=False)

    async def _answer(self, step: Step[R]) -> R:
        if not self._greeted:
            await self._run(self._operations.greet())
            self._greeted = True
        if isinstance(step, Scan):
            return cast("R", await self._scan(step))
        if isinstance(step, Describe):
            return cast("R", await self._describe())
        if isinstance(step, ReplaceShared):
            raw = await self._run(self._operations.fetch_raw(step.name))
            operation = self._operations.replace(step, raw)
            return cast("R", operation is not None and await self._run(operation))
        return await self._run(self._operations.of(step))

    async def _run(self, operation: Operation[R]) -> R:
        commands = operation.metadata + operation.entries
        if len(commands) == 1:
            replies = [await self._one(commands[0])]
        elif self._is_cluster:
            replies = list(await asyncio.gather(*map(self._one, commands)))
        else:
            replies = await self._pipeline(commands)
        return operation.read(replies)

    async def _pipeline(self, commands: tuple[Command | Call, ...]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            assert not isinstance(command, Call)  # scripts travel alone
            pipeline.execute_command(*command)
        return cast("list[Any]", await pipeline.execute())

    async def _one(self, command: Command | Call) -> Any:
        if isinstance(command, Call):
            arguments = (len(command.keys), *command.keys, *command.args)
            try:
                return await self._client.execute_command("EVALSHA", command.script.sha, *arguments)
            except NoScriptError:
                return await self._client.execute_command("EVAL", command.script.text, *arguments)
        if self._is_cluster and command[0] == "MGET" and "{" not in str(command[1]):
            return await self._client.mget_nonatomic(command[1:])
        return await self._client.execute_command(*command)

    async def _greet(self, connection: Any) -> None:
        """Runs on every new connection, before anything else may use it."""
        await connection.on_connect()
        call = self._operations.greet().metadata[0]
        assert isinstance(call, Call)
        await connection.send_command(
            "EVAL", call.script.text, len(call.keys), *call.keys, *call.args
        )
        await connection.read_response()

    async def _scan(self, step: Scan) -> tuple[str, ...]:
        found: list[str] = []
        async for key in self._client.scan_iter(match=step.match, count=_SCAN_COUNT):
            found.append(key.decode("utf-8", "replace"))
            if len(found) >= step.limit:
                break
        return tuple(found)

    async def _describe(self) -> Facts:
        try:
            info = await self._client.execute_command("INFO", "memory")
        except RedisError as error:
            if as_away(error).is_fault:
                raise
            info = None
        try:
            count = await self._client.execute_command("DBSIZE")
        except RedisError as error:
            if as_away(error).is_fault:
                raise
            count = None
        epoch = await self._client.execute_command("GET", self._operations.epoch_key)
        return facts(info, count, epoch)


__all__ = ["AsyncRedis", "StoreAway"]
