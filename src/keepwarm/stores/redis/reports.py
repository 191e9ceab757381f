"""What a server says of itself, and what it would not say."""

from typing import Any

from keepwarm.core.stamps import parse_epoch
from keepwarm.core.steps import Facts

NO_INFO = "INFO is not permitted: memory use is unknown"
NO_IDENTITY = (
    "the server does not tell its run id: a restart from an old snapshot or a failover "
    "cannot be noticed, run `keepwarm clear` after one"
)


def facts(info: Any, count: Any, epoch: Any) -> Facts:
    """Facts from the replies to INFO memory, DBSIZE and GET epoch; anything else where refused.

    INFO comes as its bytes, or as redis-py has read it.
    """
    notes = []
    used = limit = None
    if isinstance(info, bytes):
        lines = (line.partition(":") for line in info.decode("utf-8", "replace").splitlines())
        said = {name: int(value) for name, _, value in lines if value.isdigit()}
        used, limit = said.get("used_memory"), said.get("maxmemory") or None
    elif isinstance(info, dict):
        used, limit = info.get("used_memory"), info.get("maxmemory") or None
    else:
        notes.append(NO_INFO)
    parsed = parse_epoch(epoch.decode("ascii", "replace")) if isinstance(epoch, bytes) else None
    if parsed is not None and not parsed.identity:
        notes.append(NO_IDENTITY)
    return Facts(used, limit, count if isinstance(count, int) else None, tuple(notes))
