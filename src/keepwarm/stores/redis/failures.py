"""What a failed store operation means, in one of a few fixed words."""

import redis.exceptions as rx

from keepwarm.ports import StoreAway


class Refused(Exception):
    """An error reply; its first word is the code."""

    @property
    def code(self) -> str:
        return str(self).partition(" ")[0]


# redis-py strips the code of the errors it has a class for; the others begin with theirs.
_BY_CLASS: tuple[tuple[type[Exception], str], ...] = (
    (rx.AuthenticationError, "auth"),
    (rx.AuthorizationError, "auth"),
    (rx.AuthenticationWrongNumberOfArgsError, "auth"),
    (rx.BusyLoadingError, "loading"),
    (rx.ReadOnlyError, "read-only"),
    (rx.OutOfMemoryError, "out-of-memory"),
    (rx.NoPermissionError, "not-permitted"),
    (rx.MasterDownError, "no-primary"),
    (rx.ClusterDownError, "resharding"),
    (rx.TryAgainError, "resharding"),
    (rx.AskError, "resharding"),  # MovedError too
    (rx.SlotNotCoveredError, "resharding"),
    (rx.MaxConnectionsError, "connections-exhausted"),
    (rx.TimeoutError, "timeout"),
    (TimeoutError, "timeout"),
)
_BY_CODE = (
    ("BUSY", "busy"),
    ("NOREPLICAS", "no-replicas"),
    ("MISCONF", "cannot-persist"),
    ("WRONGPASS", "auth"),
    ("NOAUTH", "auth"),
    ("LOADING", "loading"),
    ("READONLY", "read-only"),
    ("OOM", "out-of-memory"),
    ("NOPERM", "not-permitted"),
    ("MASTERDOWN", "no-primary"),
    ("CLUSTERDOWN", "resharding"),
    ("TRYAGAIN", "resharding"),
    ("MOVED", "resharding"),
    ("ASK", "resharding"),
    ("CROSSSLOT", "resharding"),
)
_ANSWERS = frozenset(
    {
        "out-of-memory",
        "not-permitted",
        "no-replicas",
        "cannot-persist",
        "resharding",
        "connections-exhausted",
        "refused-command",
    }
)
"""An answer, though none to use: the server is there and serves reads, so the breaker
stays as it is. One that is loading, busy or read-only serves nobody: greeting it fails."""

GONE = frozenset({"read-only", "loading", "no-primary", "no-replicas", "resharding"})
"""After these the server may be another one than before: connections must greet anew."""


def as_away(error: BaseException) -> StoreAway:
    """The StoreAway that `error` amounts to."""
    if isinstance(error, StoreAway):
        return error
    why = _word(error)
    return StoreAway(why, is_fault=why not in _ANSWERS)


def _word(error: BaseException) -> str:
    for kind, why in _BY_CLASS:
        if isinstance(error, kind):
            return why
    if isinstance(error, rx.ConnectionError) and isinstance(error.__cause__, rx.RedisError):
        return _word(error.__cause__)  # redis-py wraps what goes wrong on a unix socket
    if isinstance(error, Refused):
        return next((why for begin, why in _BY_CODE if error.code == begin), "refused-command")
    if isinstance(error, rx.ResponseError | rx.RedisClusterException):
        code = str(error).partition(" ")[0]
        return next((why for begin, why in _BY_CODE if code == begin), "refused-command")
    if isinstance(error, rx.ConnectionError | OSError):
        if str(error) == "No connection available.":
            return "connections-exhausted"
        return "unreachable"
    return "protocol"
