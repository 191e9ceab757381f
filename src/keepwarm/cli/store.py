"""The store a command works on: from its options, the environment, or an embedded server."""

import logging
import os
import shlex
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry

from keepwarm.core.keys import check_namespace
from keepwarm.core.steps import Ping
from keepwarm.engine.threads import BlockingCache
from keepwarm.errors import ConfigurationError
from keepwarm.ports import StoreAway
from keepwarm.setup import Cache, read_environment
from keepwarm.stores.compression import read_dictionary
from keepwarm.stores.envelope import Sealing
from keepwarm.stores.redis.blocking import BlockingRedis
from keepwarm.stores.redis.homes import PREFIX, runtime_directory
from keepwarm.stores.redis.settings import Address, parse_address

TIMEOUT_S = 5.0  # a person waits; an app would not
DEFAULT_NAMESPACE = "keepwarm"  # as Cache has it
_NOWHERE = (
    "no store is named: pass --url, set REDIS_URL or REDIS_HOST, or use --url embedded:// for "
    "the embedded server of an app that runs on this machine"
)


@dataclass(frozen=True, slots=True)
class Target:
    """A store and the namespace in it. Its repr shows no password."""

    address: Address
    namespace: str
    url: str = field(repr=False)
    sealing: Sealing = field(repr=False, default_factory=Sealing)

    @property
    def where(self) -> str:
        """The address for people, without credentials."""
        if self.address.path:
            return self.address.path
        host = f"[{self.address.host}]" if ":" in self.address.host else self.address.host
        return f"{host}:{self.address.port}/{self.address.db}"

    @contextmanager
    def store(self) -> Iterator[BlockingRedis]:
        """The store as the engine sees it. Raises StoreAway at once if it is away."""
        store = BlockingRedis(self.address, self.namespace, self.sealing, TIMEOUT_S)
        try:
            store.answer(Ping())
            yield store
        finally:
            store.close()

    @contextmanager
    def cache(self) -> Iterator[BlockingCache]:
        """A cache that invalidates. Raises StoreAway at once if the store is away."""
        with self.store():
            pass
        cache = Cache(
            self.url,
            namespace=self.namespace,
            near="1MiB",
            coherence="validate",  # it goes at once: nobody should wait for its near tier
            operation_timeout=f"{TIMEOUT_S}s",
        )
        with _unlogged(), cache.blocking() as blocking:
            try:
                yield blocking
            finally:
                blocking.close()

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A bare redis-py client, for what only an operator asks. Raises redis' own errors."""
        common: dict[str, Any] = {
            "socket_timeout": TIMEOUT_S,
            "socket_connect_timeout": TIMEOUT_S,
            "retry": Retry(NoBackoff(), 0),
        }
        address = self.address
        made: Any
        if address.is_cluster:
            make: Any = RedisCluster
            made = make(
                host=address.host,
                port=address.port,
                username=address.username,
                password=address.password,
                ssl=address.tls,
                **common,
            )
        else:
            arguments = address.arguments()
            if "path" in arguments:
                arguments["unix_socket_path"] = arguments.pop("path")
            made = redis.Redis(**arguments, ssl=address.tls, **common)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep the cache's log lines off the terminal: what they would say, the command says."""
    log = logging.getLogger("keepwarm")
    was_disabled, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = was_disabled


def target(
    url: str | None, namespace: str | None, environ: Mapping[str, str] = os.environ
) -> Target:
    """What the options name, and where they are silent, the environment.

    Raises ConfigurationError, without repeating the URL; StoreAway where no embedded
    server runs.
    """
    settings = read_environment(environ)
    found = url or settings.get("url")
    if found is None:
        raise ConfigurationError(_NOWHERE)
    if found.startswith("memory://"):
        raise ConfigurationError(
            "memory:// lies inside the app's own process: use the app's admin endpoints"
        )
    if found.startswith("embedded://"):
        found = _running_embedded(runtime_directory())
    return Target(
        parse_address(found),
        check_namespace(namespace or settings.get("namespace", DEFAULT_NAMESPACE)),
        found,
        Sealing(
            secrets=settings.get("secrets", ()),
            dictionaries=map(read_dictionary, settings.get("dictionary", ())),
        ),
    )


def _running_embedded(base: Path) -> str:
    """The URL of the one embedded server of this user that answers."""
    urls = [url for home in base.glob(f"{PREFIX}*") if (url := _url_of(home)) is not None]
    if not urls:
        raise StoreAway("no-embedded-server")
    if len(urls) > 1:
        places = ", ".join(sorted(parse_address(url).path or "a port" for url in urls))
        raise ConfigurationError(
            f"{len(urls)} embedded servers run here ({places}): end the others, or pass --url"
        )
    return urls[0]


def _url_of(home: Path) -> str | None:
    try:
        lines = (home / "server.conf").read_text(encoding="utf-8").splitlines()
        found = {words[0]: words[1] for line in lines if len(words := shlex.split(line)) == 2}
        password = quote(found["requirepass"], safe="")
        if found.get("unixsocket"):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(TIMEOUT_S)
                probe.connect(found["unixsocket"])
            return f"unix://{quote(found['unixsocket'])}?password={password}"
        with socket.create_connection(("127.0.0.1", int(found["port"])), TIMEOUT_S):
            return f"redis://:{password}@127.0.0.1:{found['port']}/0"
    except (OSError, ValueError, KeyError):
        return None  # it is gone, or not ours
