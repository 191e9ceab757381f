"""What a failed store operation means, in one of a few fixed words."""

import redis.exceptions as rx

from keepwarm.ports import StoreAway

# An answer, though none to use: the server is there, so the breaker stays as it is.
_ANSWERS = (
    (("READONLY",), "read-only"),
    (("LOADING",), "loading"),
    (("BUSY",), "busy"),
    (("OOM",), "out-of-memory"),
    (("MASTERDOWN",), "no-primary"),
    (("NOREPLICAS",), "no-replicas"),
    (("CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK"), "resharding"),
    (("NOPERM",), "not-permitted"),
)
GONE = frozenset({"read-only", "loading", "no-primary", "no-replicas", "resharding"})
"""After these the server may be another one than before: connections must greet anew."""


def as_away(error: BaseException) -> StoreAway:
    """The StoreAway that `error` amounts to."""
    if isinstance(error, StoreAway):
        return error
    if isinstance(error, (rx.AuthenticationError, rx.AuthorizationError)):
        return StoreAway("auth")
    if isinstance(error, (rx.TimeoutError, TimeoutError)):
        return StoreAway("timeout")
    if isinstance(error, rx.MaxConnectionsError):
        return StoreAway("connections-exhausted", is_fault=False)
    if isinstance(error, rx.ResponseError | rx.RedisClusterException):
        text = str(error)
        if "WRONGPASS" in text or "NOAUTH" in text or "invalid username-password" in text:
            return StoreAway("auth")
        for words, why in _ANSWERS:
            if any(word in text for word in words):
                return StoreAway(why, is_fault=False)
        return StoreAway("refused-command", is_fault=False)
    if isinstance(error, (rx.ConnectionError, OSError)):
        return StoreAway("unreachable")
    return StoreAway("protocol")
