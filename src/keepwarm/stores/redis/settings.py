"""Where a store is and how to reach it: one URL, checked when it is read."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from keepwarm.core.units import KiB
from keepwarm.errors import ConfigurationError

OPERATION_TIMEOUT_S = 0.2
"""How long one store operation may take. A local round trip is 0.1 to 1 ms; a loop that
stalls for 100 ms under load must not look like a store that is away."""

LARGE_BYTES = 50 * KiB
"""From here on an entry is moved on a connection of its own: a tenth of a millisecond on the
wire, for which every other reader would wait."""

MAX_CONNECTIONS = 32  # per process; more callers wait for one within the operation timeout
SCHEMES = ("redis", "rediss", "valkey", "valkeys", "unix", "redis+cluster", "valkey+cluster")


@dataclass(frozen=True, slots=True)
class Address:
    """One store. The password is masked in repr."""

    host: str = ""
    port: int = 6379
    path: str = ""
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    is_cluster: bool = False

    def handshake(self) -> list[tuple[str | int, ...]]:
        """The commands a connection begins with, all sent in one trip."""
        login = ("AUTH", self.username or "default", self.password) if self.password else ()
        select: list[tuple[str | int, ...]] = [("SELECT", self.db)] if self.db else []
        return [("HELLO", 3, *login), *select]

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of a redis-py connection."""
        found: dict[str, Any] = {"db": self.db}
        if self.username:
            found["username"] = self.username
        if self.password:
            found["password"] = self.password
        if self.path:
            return found | {"path": self.path}
        return found | {"host": self.host, "port": self.port}


def parse_address(url: str) -> Address:
    """The address in `url`.

    redis:// rediss:// valkey:// valkeys:// (TLS) redis+cluster:// with
    `//user:password@host:port/db`, or unix:///path?db=0&password=…. Raises
    ConfigurationError without repeating the URL, which may hold a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigurationError("the store's URL has no readable host and port") from error
    if parts.scheme not in SCHEMES:
        raise ConfigurationError(
            f"a store's URL begins with one of {', '.join(s + '://' for s in SCHEMES)}, "
            f"memory:// or embedded://, not {parts.scheme!r}"
        )
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    unknown = query.keys() - {"db", "password", "username"}
    if unknown:
        raise ConfigurationError(
            f"unknown options in the store's URL: {', '.join(sorted(unknown))}"
        )
    username = unquote(parts.username) if parts.username else query.get("username")
    password = unquote(parts.password) if parts.password else query.get("password")
    if parts.scheme == "unix":
        return Address(
            path=unquote(parts.path),
            db=_db(query.get("db", "0")),
            username=username,
            password=password,
        )
    return Address(
        host=parts.hostname or "localhost",
        port=port or 6379,
        db=_db(query.get("db") or parts.path.strip("/") or "0"),
        username=username,
        password=password,
        tls=parts.scheme in ("rediss", "valkeys"),
        is_cluster="+cluster" in parts.scheme,
    )


def _db(text: str) -> int:
    if not text.isdigit():
        raise ConfigurationError(f"the database in a store's URL is a number, not {text!r}")
    return int(text)
