"""What a proxy is told when it is started, checked."""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field

from keepwarm.core.units import seconds, size
from keepwarm.errors import ConfigurationError
from keepwarm.proxy.passthrough import Patience
from keepwarm.proxy.pool import Upstream
from keepwarm.proxy.servers import BACKLOG, check_server

LOOPBACK = "127.0.0.1"  # a proxy open to the network is one that somebody asked for

_LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Listen":
        """HOST:PORT, [ADDRESS]:PORT or :PORT, which is on loopback. Raises ConfigurationError."""
        found = _LISTEN.fullmatch(text)
        if found is None or int(found[2]) > 65_535:
            raise ConfigurationError(
                "an address to listen on is written HOST:PORT (:PORT is on loopback, port 0 is "
                "any free one)"
            )
        return cls(found[1].strip("[]") or LOOPBACK, int(found[2]))

    def socket(self) -> socket.socket:
        """A socket that listens there. Raises ConfigurationError if it cannot be had."""
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            sock = socket.socket(family, kind, protocol)
        except OSError as error:
            raise ConfigurationError(f"cannot listen on {self.host}: {error.strerror}") from None
        try:
            # Not SO_REUSEPORT: a second proxy on the port would get half of the requests.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.bind(address)
            sock.listen(BACKLOG)
            sock.setblocking(False)
        except OSError as error:
            sock.close()
            where = f"{self.host}:{self.port}"
            raise ConfigurationError(f"cannot listen on {where}: {error.strerror}") from None
        return sock


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Where to listen, what to forward to, and how to cache. Build it with `checked`."""

    listen: Listen
    upstream: Upstream
    server: str = "uvicorn"
    cdn: bool = True
    stale_on_error: bool = True
    max_body: int = 64 * 1024 * 1024
    patience: Patience = field(default_factory=Patience)
    share_cookies: tuple[str, ...] = ()

    @classmethod
    def checked(
        cls,
        *,
        listen: str,
        upstream: str,
        server: str,
        cdn: bool,
        stale_on_error: bool,
        max_body: str,
        connect_timeout: str,
        timeout: str,
        share_cookies: Iterable[str] = (),
    ) -> "ProxySettings":
        """The settings of these texts. Raises ConfigurationError, naming what is wrong."""
        check_server(server)
        patience = Patience(
            seconds(connect_timeout, name="connect-timeout"), seconds(timeout, name="timeout")
        )
        if not patience.connect_s or not patience.answer_s:
            raise ConfigurationError("a timeout of 0 would let no request through")
        return cls(
            Listen.parse(listen),
            Upstream.parse(upstream),
            server,
            cdn,
            stale_on_error,
            size(max_body, name="max-body"),
            patience,
            tuple(share_cookies),
        )
