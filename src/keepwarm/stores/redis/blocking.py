"""The shared store in Redis or Valkey for the blocking engine, on redis-py's connections."""

import time
from itertools import islice
from typing import Any, TypeVar, cast

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from keepwarm.core.steps import Describe, Facts, ReplaceShared, Scan, Step
from keepwarm.ports import StoreAway
from keepwarm.stores.envelope import Sealing
from keepwarm.stores.redis.failures import GONE, as_away
from keepwarm.stores.redis.operations import Call, Command, Operation, Operations
from keepwarm.stores.redis.reports import facts
from keepwarm.stores.redis.settings import MAX_CONNECTIONS, OPERATION_TIMEOUT_S, Address
from keepwarm.stores.redis.threads import ThreadConnections

R = TypeVar("R")
SCAN_COUNT = 500  # keys a step of a walk looks at: well under a millisecond of the server


class BlockingRedis:
    """As AsyncRedis, for threads."""

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
        self._pool: ThreadConnections | None = None
        common: dict[str, Any] = {"retry": Retry(NoBackoff(), 0), "protocol": 3}
        if address.is_cluster:
            if address.tls:
                common["ssl"] = True
            # Connects at once, so it is made at first use, where a failure is an outcome.
            make: Any = RedisCluster
            self._make: Any = lambda: make(
                host=address.host,
                port=address.port,
                username=address.username,
                password=address.password,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                **common,
            )
            self._greeted = False
            return
        self._handshake = address.handshake()
        kind: type[Any] = redis.Connection
        if address.path:
            kind = redis.UnixDomainSocketConnection
        elif address.tls:
            kind = redis.SSLConnection
        common |= address.arguments() | {"redis_connect_func": self._greet}
        self._pool = ThreadConnections(lambda: kind(**common), MAX_CONNECTIONS)

    def answer(self, step: Step[R]) -> R:
        try:
            return self._answer(step, time.monotonic() + self._timeout_s)
        except StoreAway as error:
            away = error
        except Exception as error:  # noqa: BLE001 - whatever a client raises, the store is away
            away = as_away(error)
        # A cluster's client reconnects unseen, so there any failure may hide another server.
        if away.why in GONE or self._pool is None:
            self._renew()
        raise away

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
        elif self._cluster is not None:
            self._cluster.close()

    def _renew(self) -> None:
        if self._pool is not None:
            self._pool.renew()
        else:
            self._greeted = False

    def _answer(self, step: Step[R], deadline: float) -> R:
        if self._pool is None:
            if self._cluster is None:
                self._cluster = self._make()
            if not self._greeted:
                self._run(self._operations.greet(), deadline)
                self._greeted = True
        if isinstance(step, Scan):
            return cast("R", self._scan(step))
        if isinstance(step, Describe):
            return cast("R", self._describe(deadline))
        if isinstance(step, ReplaceShared):
            raw = self._run(self._operations.fetch_raw(step.name), deadline)
            operation = self._operations.replace(step, raw)
            return cast("R", operation is not None and self._run(operation, deadline))
        return self._run(self._operations.of(step), deadline)

    def _run(self, operation: Operation[R], deadline: float) -> R:
        commands = operation.metadata + operation.entries
        if self._pool is None:
            replies = [self._in_cluster(command) for command in commands]
        elif isinstance(commands[0], Call):
            replies = [self._script(self._pool, commands[0], deadline)]
        else:
            plain = [c for c in commands if not isinstance(c, Call)]  # scripts travel alone
            replies = self._pool.ask(plain, deadline)
        for reply in replies:
            if isinstance(reply, RedisError):
                raise reply
        return operation.read(replies)

    def _script(self, pool: ThreadConnections, call: Call, deadline: float) -> Any:
        arguments = (len(call.keys), *call.keys, *call.args)
        (reply,) = pool.ask([("EVALSHA", call.script.sha, *arguments)], deadline)
        if isinstance(reply, NoScriptError):
            (reply,) = pool.ask([("EVAL", call.script.text, *arguments)], deadline)
        return reply

    def _in_cluster(self, command: Command | Call) -> Any:
        if isinstance(command, Call):
            arguments = (len(command.keys), *command.keys, *command.args)
            try:
                return self._cluster.execute_command("EVALSHA", command.script.sha, *arguments)
            except NoScriptError:
                return self._cluster.execute_command("EVAL", command.script.text, *arguments)
        if command[0] == "MGET" and "{" not in str(command[1]):
            return self._cluster.mget_nonatomic(command[1:])
        return self._cluster.execute_command(*command)

    def _greet(self, connection: Any) -> None:
        """Runs on every new connection, before anything else may use it."""
        # In one trip, as in AsyncRedis.
        connection._parser.on_connect(connection)
        commands = (*self._handshake, self._operations.greeting())
        connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        for _ in commands:
            connection.read_response()

    def _scan(self, step: Scan) -> tuple[str, ...]:
        if self._pool is None:
            walk = self._cluster.scan_iter(match=step.match, count=SCAN_COUNT)
            return tuple(islice(map(_name, walk), step.limit))
        found: dict[str, None] = {}  # a walk may meet a key twice
        cursor: Any = 0
        while True:
            command = ("SCAN", cursor, "MATCH", step.match, "COUNT", SCAN_COUNT)
            # A walk is many operations: each has its own deadline.
            (reply,) = self._pool.ask([command], time.monotonic() + self._timeout_s)
            if isinstance(reply, RedisError):
                raise reply
            cursor, keys = reply
            found |= dict.fromkeys(map(_name, keys))
            if int(cursor) == 0 or len(found) >= step.limit:
                return tuple(found)[: step.limit]

    def _describe(self, deadline: float) -> Facts:
        commands = (("INFO", "memory"), ("DBSIZE",), ("GET", self._operations.epoch_key))
        if self._pool is not None:
            replies = self._pool.ask(commands, deadline)
        else:
            replies = [self._permitted(*command) for command in commands]
        for reply in replies:
            if isinstance(reply, Exception) and as_away(reply).is_fault:
                raise reply
        return facts(*replies)

    def _permitted(self, *command: str) -> Any:
        try:
            return self._cluster.execute_command(*command)
        except RedisError as error:
            return error


def _name(key: bytes) -> str:
    return key.decode("utf-8", "replace")
