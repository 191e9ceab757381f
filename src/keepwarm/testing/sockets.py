"""Where servers are and how a proxy reaches them: addresses, sockets, what the kernel still has."""

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qs, quote, unquote, urlsplit

Target: TypeAlias = str | Path | tuple[str, int]


def through(url: str, host: str, port: int) -> str:
    """`url` with another host and port; unix:// becomes redis:// with the same password."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        login = parts.netloc.rpartition("@")[0]
        place = f"{login}@{host}:{port}" if login else f"{host}:{port}"
        return parts._replace(netloc=place).geturl()
    user = parts.netloc.rpartition("@")[0]
    query = parse_qs(parts.query)
    password = query.get("password", [""])[0]
    login = f"{user}:{quote(password, safe='')}@" if password else ""
    return f"redis://{login}{host}:{port}/{query.get('db', ['0'])[0]}"


def address(target: Target) -> str | tuple[str, int]:
    """A unix socket's path, or (host, port)."""
    if isinstance(target, tuple):
        return target
    if isinstance(target, Path):
        return str(target)
    parts = urlsplit(target)
    if parts.scheme == "unix":
        return unquote(parts.path)
    if parts.hostname is None:
        raise ValueError("a target is a URL with a host, a unix:// URL, a Path or (host, port)")
    return parts.hostname, parts.port or 6379


async def connect(
    where: str | tuple[str, int],
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(where, str):
        return await asyncio.open_unix_connection(where)
    return await asyncio.open_connection(*where)


async def arrived(writer: asyncio.StreamWriter) -> None:
    """Return once the peer's kernel has all that was written, or the connection is gone."""
    await writer.drain()
    sock = writer.get_extra_info("socket")
    waiting = b"\1\0\0\0"
    while any(waiting) and not writer.transport.is_closing():
        waiting = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        await asyncio.sleep(0.001)


def abort(writer: asyncio.StreamWriter) -> None:
    """RST, not FIN: pending bytes are thrown away on both sides."""
    if writer.transport.is_closing():
        return
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.family != socket.AF_UNIX:
        with contextlib.suppress(OSError):  # closed meanwhile: nobody is left to reset
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def bound(host: str, port: int) -> socket.socket:
    """A socket that has the port and does not listen yet."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((host, port))
    sock.setblocking(False)
    return sock
