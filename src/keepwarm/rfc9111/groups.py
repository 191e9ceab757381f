"""Cache groups (RFC 9875): names by which an origin marks responses and ends them together."""

from keepwarm.rfc9111.fields import Fields, combined
from keepwarm.rfc9111.structured import Malformed, Token, items

MOST_GROUPS = 32  # section 2: at least that many
MOST_CHARACTERS = 64


def groups(fields: Fields) -> tuple[str, ...]:
    """The groups a response belongs to."""
    return _strings(fields, b"cache-groups")


def ended(fields: Fields) -> tuple[str, ...]:
    """The groups that the response to an unsafe request makes outdated."""
    return _strings(fields, b"cache-group-invalidation")


def _strings(fields: Fields, name: bytes) -> tuple[str, ...]:
    text = combined(fields, name)
    if not text:
        return ()
    try:
        found = items(text)
    except Malformed:
        return ()
    strings = (item for item in found if isinstance(item, str) and not isinstance(item, Token))
    return tuple(dict.fromkeys(s for s in strings if 0 < len(s) <= MOST_CHARACTERS))[:MOST_GROUPS]
