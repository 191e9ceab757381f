"""The shared store in Redis or Valkey for the blocking engine, on redis-py's connections."""

from typing import Any, TypeVar, cast

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from keepwarm.core.steps import Describe, Facts, ReplaceShared, Scan, Step
from keepwarm.stores.envelope import Sealing
from keepwarm.stores.redis.failures import GONE, as_away
from keepwarm.stores.redis.operations import Call, Command, Operation, Operations
from keepwarm.stores.redis.reports import facts
from keepwarm.stores.redis.settings import MAX_CONNECTIONS, OPERATION_TIMEOUT_S, Address

R = TypeVar("R")
_SCAN_COUNT = 500


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
        self._is_cluster = address.is_cluster
        common: dict[str, Any] = {
            "socket_timeout": timeout_s,
            "socket_connect_timeout": timeout_s,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 3,
        }
        self._client: Any = None
        self._greeted = not address.is_cluster
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
                **common,
            )
            return
        kind: type[Any] = redis.Connection
        if address.path:
            kind = redis.UnixDomainSocketConnection
        elif address.tls:
            kind = redis.SSLConnection
        make_pool: Any = redis.BlockingConnectionPool  # redis-py leaves it untyped
        pool = make_pool(
            connection_class=kind,
            max_connections=MAX_CONNECTIONS,
            timeout=timeout_s,
            redis_connect_func=self._greet,
            **address.arguments(),
            **common,
        )
        self._client = redis.Redis(connection_pool=pool)

    def answer(self, step: Step[R]) -> R:
        try:
            return self._answer(step)
        except (RedisError, OSError) as error:
            away = as_away(error)
        if away.why in GONE:
            self._disconnect()
        raise away

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _disconnect(self) -> None:
        if self._is_cluster:
            self._greeted = False
        else:
            self._client.connection_pool.disconnect(inuse_connections=False)

    def _answer(self, step: Step[R]) -> R:
        if self._client is None:
            self._client = self._make()
        if not self._greeted:
            self._run(self._operations.greet())
            self._greeted = True
        if isinstance(step, Scan):
            return cast("R", self._scan(step))
        if isinstance(step, Describe):
            return cast("R", self._describe())
        if isinstance(step, ReplaceShared):
            raw = self._run(self._operations.fetch_raw(step.name))
            operation = self._operations.replace(step, raw)
            return cast("R", operation is not None and self._run(operation))
        return self._run(self._operations.of(step))

    def _run(self, operation: Operation[R]) -> R:
        commands = operation.metadata + operation.entries
        if len(commands) == 1 or self._is_cluster:
            return operation.read([self._one(command) for command in commands])
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            assert not isinstance(command, Call)  # scripts travel alone
            pipeline.execute_command(*command)
        return operation.read(pipeline.execute())

    def _one(self, command: Command | Call) -> Any:
        if isinstance(command, Call):
            arguments = (len(command.keys), *command.keys, *command.args)
            try:
                return self._client.execute_command("EVALSHA", command.script.sha, *arguments)
            except NoScriptError:
                return self._client.execute_command("EVAL", command.script.text, *arguments)
        if self._is_cluster and command[0] == "MGET" and "{" not in str(command[1]):
            return self._client.mget_nonatomic(command[1:])
        return self._client.execute_command(*command)

    def _greet(self, connection: Any) -> None:
        """Runs on every new connection, before anything else may use it."""
        connection.on_connect()
        call = self._operations.greet().metadata[0]
        assert isinstance(call, Call)
        connection.send_command("EVAL", call.script.text, len(call.keys), *call.keys, *call.args)
        connection.read_response()

    def _scan(self, step: Scan) -> tuple[str, ...]:
        found: list[str] = []
        for key in self._client.scan_iter(match=step.match, count=_SCAN_COUNT):
            found.append(key.decode("utf-8", "replace"))
            if len(found) >= step.limit:
                break
        return tuple(found)

    def _describe(self) -> Facts:
        info = self._permitted("INFO", "memory")
        count = self._permitted("DBSIZE")
        epoch = self._client.execute_command("GET", self._operations.epoch_key)
        return facts(info, count, epoch)

    def _permitted(self, *command: str) -> Any:
        try:
            return self._client.execute_command(*command)
        except RedisError as error:
            if as_away(error).is_fault:
                raise
            return None
