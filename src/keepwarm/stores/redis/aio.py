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
from keepwarm.stores.redis.pool import Connections
from keepwarm.stores.redis.reports import facts
from keepwarm.stores.redis.settings import MAX_CONNECTIONS, OPERATION_TIMEOUT_S, Address

R = TypeVar("R")
SCAN_COUNT = 500  # keys a step of a walk looks at: well under a millisecond of the server
LATE_TIMER_S = 0.05  # a timeout that comes this late says that our loop stood still


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
        self._cluster: Any = None
        self._pool: Connections | None = None
        self._greeted = True
        # redis-py would retry by itself and multiply every timeout: retries are ours.
        common: dict[str, Any] = {"retry": Retry(NoBackoff(), 0), "protocol": 3}
        if address.is_cluster:
            if address.tls:
                common["ssl"] = True
            self._cluster = RedisCluster(
                host=address.host,
                port=address.port,
                username=address.username,
                password=address.password,
                max_connections=MAX_CONNECTIONS,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                **common,
            )
            self._greeted = False
            return
        self._handshake = address.handshake()
        kind: type[Any] = redis_async.Connection
        if address.path:
            kind = redis_async.UnixDomainSocketConnection
        elif address.tls:
            kind = redis_async.SSLConnection
        # No timeouts of its own: one deadline covers waiting, connecting, asking.
        common |= {"socket_timeout": None, "socket_connect_timeout": None}
        common |= address.arguments() | {"redis_connect_func": self._greet}
        self._pool = Connections(lambda: kind(**common), MAX_CONNECTIONS)

    async def answer(self, step: Step[R]) -> R:
        deadline = asyncio.get_running_loop().time() + self._timeout_s
        try:
            if self._cluster is None:
                return await self._answer(step, deadline)
            async with asyncio.timeout_at(deadline):
                return await self._answer(step, deadline)
        except StoreAway as error:
            away = error
        except Exception as error:  # noqa: BLE001 - whatever a client raises, the store is away
            late_s = asyncio.get_running_loop().time() - deadline
            is_ours = isinstance(error, TimeoutError) and late_s > LATE_TIMER_S
            away = StoreAway("loop-stalled", is_fault=False) if is_ours else as_away(error)
        # A cluster's client reconnects unseen, so there any failure may hide another server.
        if away.why in GONE or self._pool is None:
            await self._renew()
        raise away

    async def aclose(self) -> None:
        if self._pool is not None:
            await self._pool.aclose()
        else:
            await self._cluster.aclose()

    def abandon(self) -> None:
        """Let go of the sockets of an event loop that has been closed."""
        if self._pool is not None:
            self._pool.abandon()

    async def _renew(self) -> None:
        if self._pool is not None:
            await self._pool.renew()
        else:
            self._greeted = False

    async def _answer(self, step: Step[R], deadline: float) -> R:
        if not self._greeted:
            await self._run(self._operations.greet(), deadline)
            self._greeted = True
        if isinstance(step, Scan):
            return cast("R", await self._scan(step, deadline))
        if isinstance(step, Describe):
            return cast("R", await self._describe(deadline))
        if isinstance(step, ReplaceShared):
            raw = await self._run(self._operations.fetch_raw(step.name), deadline)
            operation = self._operations.replace(step, raw)
            return cast("R", operation is not None and await self._run(operation, deadline))
        return await self._run(self._operations.of(step), deadline)

    async def _run(self, operation: Operation[R], deadline: float) -> R:
        commands = operation.metadata + operation.entries
        if self._pool is None:
            replies = list(await asyncio.gather(*map(self._in_cluster, commands)))
        elif isinstance(commands[0], Call):
            replies = [await self._script(self._pool, commands[0], deadline)]
        else:
            plain = [c for c in commands if not isinstance(c, Call)]  # scripts travel alone
            replies = await self._pool.ask(plain, deadline)
        for reply in replies:
            if isinstance(reply, RedisError):
                raise reply
        return operation.read(replies)

    async def _script(self, pool: Connections, call: Call, deadline: float) -> Any:
        arguments = (len(call.keys), *call.keys, *call.args)
        (reply,) = await pool.ask([("EVALSHA", call.script.sha, *arguments)], deadline)
        if isinstance(reply, NoScriptError):
            (reply,) = await pool.ask([("EVAL", call.script.text, *arguments)], deadline)
        return reply

    async def _in_cluster(self, command: Command | Call) -> Any:
        if isinstance(command, Call):
            arguments = (len(command.keys), *command.keys, *command.args)
            try:
                return await self._cluster.execute_command(
                    "EVALSHA", command.script.sha, *arguments
                )
            except NoScriptError:
                return await self._cluster.execute_command("EVAL", command.script.text, *arguments)
        if command[0] == "MGET" and "{" not in str(command[1]):
            return await self._cluster.mget_nonatomic(command[1:])
        return await self._cluster.execute_command(*command)

    async def _greet(self, connection: Any) -> None:
        """Runs on every new connection, before anything else may use it."""
        # redis-py's own on_connect takes three trips one after another, which a store at a
        # third of the timeout would never survive.
        connection._parser.on_connect(connection)
        commands = (*self._handshake, self._operations.greeting())
        packed = connection.pack_commands(commands)
        await connection.send_packed_command(packed, check_health=False)
        for _ in commands:
            await connection.read_response()

    async def _scan(self, step: Scan, deadline: float) -> tuple[str, ...]:
        if self._pool is None:
            walk = self._cluster.scan_iter(match=step.match, count=SCAN_COUNT)
            return tuple([_name(key) async for key in walk][: step.limit])
        found: dict[str, None] = {}  # a walk may meet a key twice
        cursor: Any = 0
        while True:
            command = ("SCAN", cursor, "MATCH", step.match, "COUNT", SCAN_COUNT)
            (reply,) = await self._pool.ask([command], self._later(deadline))
            if isinstance(reply, RedisError):
                raise reply
            cursor, keys = reply
            found |= dict.fromkeys(map(_name, keys))
            if int(cursor) == 0 or len(found) >= step.limit:
                return tuple(found)[: step.limit]

    def _later(self, deadline: float) -> float:
        """A walk is many operations: each has its own deadline."""
        return max(deadline, asyncio.get_running_loop().time() + self._timeout_s)

    async def _describe(self, deadline: float) -> Facts:
        commands = (("INFO", "memory"), ("DBSIZE",), ("GET", self._operations.epoch_key))
        if self._pool is not None:
            replies = await self._pool.ask(commands, deadline)
        else:
            replies = list(
                await asyncio.gather(
                    *(self._cluster.execute_command(*c) for c in commands), return_exceptions=True
                )
            )
        for reply in replies:
            if isinstance(reply, Exception) and as_away(reply).is_fault:
                raise reply
        return facts(*replies)


def _name(key: bytes) -> str:
    return key.decode("utf-8", "replace")


__all__ = ["AsyncRedis", "StoreAway"]
