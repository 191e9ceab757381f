"""keepwarm: a cache for Python web apps in which nothing is stale after invalidate() returns."""

from typing import TYPE_CHECKING

from keepwarm.asgi.middleware import HTTPCache
from keepwarm.asgi.routes import Bypass, Immutable, PerUser, Shared
from keepwarm.core.globs import escape
from keepwarm.core.outcome import Outcome, Reason, Tier
from keepwarm.core.policy import Policy
from keepwarm.engine.context import collect, fill
from keepwarm.engine.plans import Ack
from keepwarm.engine.threads import BlockingCache
from keepwarm.errors import (
    ConfigurationError,
    FillAbandoned,
    FillTimeout,
    KeepwarmError,
    KeyArgumentError,
    KeyTemplateError,
    NotAcknowledged,
    Overloaded,
    PolicyError,
    UnfencedSet,
    WriteNotAnnounced,
)
from keepwarm.live.app import live
from keepwarm.live.door import Who
from keepwarm.live.headers import LiveHeaders
from keepwarm.observe.counters import Stats
from keepwarm.observe.health import Health
from keepwarm.setup import Bounded, Cache, read_environment

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = [
    "Ack",
    "BlockingCache",
    "Bounded",
    "Bypass",
    "Cache",
    "ConfigurationError",
    "FillAbandoned",
    "FillTimeout",
    "HTTPCache",
    "Health",
    "Immutable",
    "KeepwarmError",
    "KeyArgumentError",
    "KeyTemplateError",
    "LiveHeaders",
    "NotAcknowledged",
    "Outcome",
    "Overloaded",
    "PerUser",
    "Policy",
    "PolicyError",
    "Reason",
    "Shared",
    "Stats",
    "Tier",
    "UnfencedSet",
    "Who",
    "WriteNotAnnounced",
    "admin",
    "collect",
    "escape",
    "fill",
    "live",
    "read_environment",
]


def admin(cache: Cache, token: str | None = None) -> "Starlette":
    """An ASGI app for operators: health, metrics and invalidation. Needs keepwarm[http].

    See `keepwarm.dashboard.api.admin`.
    """
    try:
        from keepwarm.dashboard.api import admin as make
    except ImportError as error:
        raise ImportError("this needs an extra: pip install 'keepwarm[http]'") from error
    return make(cache, token)
