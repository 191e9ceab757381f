"""The load file: who comes, how often, and what they ask, checked when it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import msgspec

DEFAULT_FILE = Path(__file__).with_name("default.toml")

READS = (
    "list", "featured", "detail", "similar", "portrait",
    "character_images", "user_images", "preferences", "facets",
)  # fmt: skip
WRITES = (
    "view", "like", "unlike", "edit", "preferences",
    "upload", "delete_image", "create", "delete",
)  # fmt: skip


class PlanError(ValueError):
    """A load file that cannot be played; the message names the field."""


class Users(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    count: int
    zipf: float
    signed_in: float


class Characters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    count: int
    zipf: float


class Pages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    count: int
    zipf: float
    size: int


class Reads(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    list: float = 0.0
    featured: float = 0.0
    detail: float = 0.0
    similar: float = 0.0
    portrait: float = 0.0
    character_images: float = 0.0
    user_images: float = 0.0
    preferences: float = 0.0
    facets: float = 0.0


class Modes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    all: float = 0.0
    featured: float = 0.0
    discover: float = 0.0
    newest: float = 0.0
    trending: float = 0.0


class Writes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    share: float
    view: float = 0.0
    like: float = 0.0
    unlike: float = 0.0
    edit: float = 0.0
    preferences: float = 0.0
    upload: float = 0.0
    delete_image: float = 0.0
    create: float = 0.0
    delete: float = 0.0
    at_least_one: bool = False


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the store is killed, started again, frozen and thawed, in shares of the duration."""

    kill: float
    restart: float
    freeze: float
    thaw: float


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One load. Rates are requests per second of all users together."""

    seed: int
    seconds: float
    requests_per_s: float
    users: Users
    characters: Characters
    pages: Pages
    reads: Reads
    modes: Modes
    writes: Writes
    faults: Faults

    @classmethod
    def read(cls, path: Path = DEFAULT_FILE) -> Self:
        """The plan in a TOML file. Raises PlanError."""
        try:
            plan = msgspec.toml.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError) as error:
            raise PlanError(f"{path}: {error}") from error
        plan.check()
        return plan

    def check(self) -> None:
        """Raises PlanError, naming the field."""
        positive = {
            "seconds": self.seconds,
            "requests_per_s": self.requests_per_s,
            "users.count": self.users.count,
            "characters.count": self.characters.count,
            "pages.count": self.pages.count,
            "pages.size": self.pages.size,
        }
        for name, value in positive.items():
            if not value > 0:
                raise PlanError(f"{name} must be more than 0, not {value}")
        for name, share in {
            "users.signed_in": self.users.signed_in,
            "writes.share": self.writes.share,
        }.items():
            if not 0 <= share <= 1:
                raise PlanError(f"{name} must lie between 0 and 1, not {share}")
        for table in ("reads", "modes", "writes"):
            weights = self.weights(table)
            if min(weights.values()) < 0 or not sum(weights.values()) > 0:
                raise PlanError(f"[{table}] needs weights of 0 or more, not all 0")
        f = self.faults
        if not 0 < f.kill < f.restart < f.freeze < f.thaw < 1:
            raise PlanError("[faults] must be in order, between 0 and 1")

    def weights(self, table: str) -> dict[str, float]:
        """The relative weights of `reads`, `modes` or `writes` by name."""
        found: dict[str, Any] = msgspec.to_builtins(getattr(self, table))
        return {
            name: value for name, value in found.items() if name not in ("share", "at_least_one")
        }

    def but(self, **changes: Any) -> Plan:
        """The same plan with other top-level fields, checked."""
        plan: Plan = msgspec.structs.replace(self, **changes)
        plan.check()
        return plan
