"""How commands speak: tables for people, JSON for scripts, and one exit code for each end."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

import typer
from redis.exceptions import RedisError
from rich.console import Console

from keepwarm.errors import ConfigurationError, KeyArgumentError, NotAcknowledged
from keepwarm.ports import StoreAway
from keepwarm.stores.redis.failures import as_away

NOT_ACKNOWLEDGED = (
    "not acknowledged: presume that it was not done, and run it again. Nothing goes on "
    "retrying it after this command"
)
_ADVICE = {
    "auth": "the password or user was refused: check REDIS_PASSWORD or the URL",
    "timeout": "no answer in time: is it frozen, or is a firewall dropping packets?",
    "unreachable": "nobody listens there: is the server running, and the address right?",
    "loading": "the server is still loading its data: try again shortly",
    "read-only": "this is a replica: use the primary's address",
    "not-permitted": "this user lacks permissions: run `keepwarm doctor`",
    "no-embedded-server": "no embedded server of this user is running: start the app first",
}


class Exit(IntEnum):
    DONE = 0
    FAILED = 1
    """Not acknowledged, not found, or something is wrong."""
    USAGE = 2
    UNREACHABLE = 3


class Output:
    """What one command says, on stdout; how it fares, on stderr."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
        self.status = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)

    def say(self, text: str, style: str | None = None) -> None:
        """A line for people; nothing with --json."""
        if not self.as_json:
            self.console.print(text, style=style)

    def data(self, body: Any) -> None:
        """The answer of a command with --json; nothing for people."""
        if self.as_json:
            sys.stdout.write(json.dumps(body) + "\n")

    def line(self, text: str) -> None:
        """A line as it is, for pipes: never wrapped or coloured."""
        sys.stdout.write(text + "\n")

    def flush(self) -> None:
        """Let a reader at the other end of a pipe have what was said."""
        sys.stdout.flush()

    def fail(self, code: Exit, word: str, message: str) -> typer.Exit:
        """Say what went wrong; raise what this returns."""
        if self.as_json:
            self.data({"error": {"code": word, "message": message}})
        else:
            self.status.print(f"keepwarm: {message}", style="red")
        return typer.Exit(code)

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Turn what may be raised inside into a message and an exit code."""
        try:
            yield
        except (ConfigurationError, KeyArgumentError) as error:
            raise self.fail(Exit.USAGE, "usage", str(error)) from None
        except NotAcknowledged as error:
            message = f"{NOT_ACKNOWLEDGED} ({error.why})"
            raise self.fail(Exit.FAILED, "not-acknowledged", message) from None
        except StoreAway as away:
            raise self.fail(Exit.UNREACHABLE, away.why, _away(away)) from None
        except (RedisError, OSError) as error:
            found = as_away(error)
            raise self.fail(Exit.UNREACHABLE, found.why, _away(found)) from None


def _away(away: StoreAway) -> str:
    return f"store away ({away.why}): {_ADVICE.get(away.why, 'see the server’s log')}"


def shown(text: str) -> str:
    """`text` with what could move a terminal's cursor written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def span(seconds: float) -> str:
    """A length of time as people say it: 4m 10s, 2h 5m, 3d 1h."""
    left = abs(seconds)
    if left < 1:
        return f"{left * 1000:.0f} ms"
    words = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(int(left), size)
        if count:
            words.append(f"{count}{unit}")
    return " ".join(words[:2])


def volume(count: int | None) -> str:
    """Bytes as people say them."""
    if count is None:
        return "unknown"
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
