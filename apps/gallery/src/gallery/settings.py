"""Everything Gallery reads from its environment, read here and nowhere else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast, get_args

from keepwarm import ConfigurationError, read_environment
from keepwarm.frameworks.sqlalchemy import Mode

KIB = 1024

DEFAULT_PORT = 8000
SIZES = ("default", "small")
WRITES = get_args(Mode)
#: Relative to where `make run` stands; it is in .gitignore.
DEFAULT_DATA = Path(".run") / "gallery"
#: `embedded://` is keepwarm's word for a Valkey that it starts and stops itself.
DEFAULT_CACHE = "embedded://"


class SettingsError(ValueError):
    """A setting that cannot be; the message names the variable and what it may hold."""


def masked_url(url: str) -> str:
    """`url` with its password and query values replaced by three asterisks."""
    without_password = re.sub(r"(//[^/@]*?:)[^/@]*(@)", r"\1***\2", url)
    return re.sub(r"([?&][^=&]+)=[^&]*", r"\1=***", without_password)


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Where Gallery keeps things and how it is reached; checked when it is made."""

    database_url: str
    data: Path
    #: Arguments of `keepwarm.Cache`: url, enabled, near, coherence, …
    cache: Mapping[str, Any] = field(default_factory=lambda: {"url": DEFAULT_CACHE})
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    #: Whoever sends it as a bearer token may read metrics and invalidate from afar.
    admin_token: str | None = field(default=None)
    #: JSON bodies are far smaller; this bounds what one request may hold in memory.
    body_max_bytes: int = 64 * KIB
    #: "outbox": a write stands while the store is away; "strict": it is refused.
    writes: Mode = "outbox"
    #: "default" is the real size, "small" enough to look around.
    size: str = "default"
    #: Painters at work at once in the background; a picture is tens of ms of CPU.
    generation_workers: int = 1

    def __post_init__(self) -> None:
        # 0 asks the system for a free port, which tests and the demo do.
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"PORT must be a number from 1 to 65535, not {self.port}.")
        if self.writes not in WRITES:
            raise SettingsError(f"GALLERY_WRITES must be one of {', '.join(WRITES)}.")
        if self.size not in SIZES:
            raise SettingsError(f"GALLERY_SIZE must be one of {', '.join(SIZES)}.")
        if self.admin_token is not None and len(self.admin_token) < 16:
            raise SettingsError("CACHE_ADMIN_TOKEN must have at least 16 characters.")

    def __repr__(self) -> str:
        shown = []
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "database_url":
                value = masked_url(value)
            elif each.name == "cache":
                value = {name: _masked(name, part) for name, part in value.items()}
            elif each.name == "admin_token" and value is not None:
                value = "***"
            shown.append(f"{each.name}={value!r}")
        return f"Settings({', '.join(shown)})"

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Settings as the environment has them; empty variables count as unset.

        Raises SettingsError for a value that cannot be used.
        """
        given = {name: value for name, value in (env or os.environ).items() if value != ""}
        data = Path(given.get("GALLERY_DATA", str(DEFAULT_DATA))).expanduser().resolve()
        return cls(
            database_url=given.get("DATABASE_URL", f"sqlite+aiosqlite:///{data / 'gallery.db'}"),
            data=data,
            cache={"url": DEFAULT_CACHE, **_cache(given)},
            host=given.get("HOST", "127.0.0.1"),
            port=_number(given, "PORT", DEFAULT_PORT),
            admin_token=given.get("CACHE_ADMIN_TOKEN"),
            writes=cast("Mode", given.get("GALLERY_WRITES", "outbox")),
            size=given.get("GALLERY_SIZE", "default"),
        )


def _masked(name: str, value: Any) -> Any:
    if name == "url":
        return masked_url(value)
    return "***" if name == "secrets" else value


def _cache(given: Mapping[str, str]) -> dict[str, Any]:
    """REDIS_URL or REDIS_HOST …, CACHE_ENABLED …, as keepwarm reads them."""
    try:
        return read_environment(given)
    except ConfigurationError as error:
        raise SettingsError(f"{error}.") from error


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not text.isascii() or not text.isdigit():
        raise SettingsError(f"{name} must be a whole number, not {text!r}.")
    return int(text)
