"""What Redis says, read: metadata that is none of ours is None, or proves nothing.

Most of it is said again and again: what was read of the same bytes before is kept.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from keepwarm.core.entry import Pattern, Patterns, Terms
from keepwarm.core.globs import Glob
from keepwarm.core.mirror import Told
from keepwarm.core.stamps import Epoch, Stamp, is_number, parse_epoch, parse_position, parse_stamp
from keepwarm.core.steps import Changed, Holder
from keepwarm.errors import KeyArgumentError

MOST_TOGETHER = 64  # stamps: longer lists are those of many readers, and another each turn
_GROUPS_KEPT = 512  # of at most 28 KB

_decode_terms = msgspec.msgpack.Decoder(Terms).decode


def parse_changed(change: str) -> Callable[[list[Any]], Changed]:
    """Reads what became of `change`: {epoch nonce, position, registry, whether a mark was lost}."""

    def read(replies: list[Any]) -> Changed:
        nonce, n, *rest = replies[0]
        words = [text(word) or "" for word in rest[0]] if rest else []
        fields = dict(zip(words[::2], words[1::2], strict=True))
        registry, _, is_complete = fields.pop("is", "- 1").partition(" ")
        holders = []
        for field, record in fields.items():
            incarnation, _, count = record.partition(" ")
            if field.startswith("h:") and count.isdigit():
                holders.append(Holder(field[2:], incarnation, int(count)))
        return Changed(
            text(nonce) or "",
            int(n),
            id=change,
            holders=tuple(holders),
            is_complete=is_complete == "1",
            registry=registry,
            is_lost=len(rest) > 1 and rest[1] == 1,
        )

    return read


def parse_told(raw: bytes) -> Told | None:
    """An announcement, or None for what is none of ours (which a gap in numbers shows)."""
    words = (text(raw) or "").split(" ")
    if len(words) < 5 or not is_number(words[1]):
        return None
    epoch, number, id_, reply_to, kind, *rest = words
    stamps, position, what, writer = (*rest, "", "", "", "")[:4]
    return Told(
        epoch,
        int(number),
        id_,
        reply_to,
        stamps=tuple(stamps.split(",")) if kind in ("s", "l") and stamps else (),
        patterns=kind == "p",
        everything=kind == "e",
        position=int(position) if is_number(position) else 0,
        writer=writer,
        is_entry=what == "enters",
        is_numbered=kind != "l",
    )


# A stamp hardly ever changes between two reads of it, and is read with every entry.
@lru_cache(maxsize=16_384)
def _stamp(raw: object) -> Stamp | None:
    return parse_stamp(text(raw))


def _apart(
    names: tuple[str, ...], values: tuple[object, ...]
) -> tuple[dict[str, Stamp | None], bool]:
    found = dict(zip(names, map(_stamp, values), strict=True))
    return found, all(stamp is None or stamp.is_settled for stamp in found.values())


# The stamps of one entry hardly ever change, all of them: what they say is one object, not to
# be changed, which is compared with itself. With forty of them that is a third of a hit.
_together = lru_cache(maxsize=_GROUPS_KEPT)(_apart)


def parse_stamps(
    names: tuple[str, ...], values: tuple[object, ...]
) -> tuple[dict[str, Stamp | None], bool]:
    """The stamps by their names, and whether all that there are are settled. Not to be changed."""
    return (_together if len(names) <= MOST_TOGETHER else _apart)(names, values)


# Nor do the terms of an entry, which with forty tags take longer to decode than most values.
@lru_cache(maxsize=2_048)
def parse_terms(header: bytes) -> Terms:
    """The terms of an entry. Raises msgspec.DecodeError for what are none."""
    return _decode_terms(header)


@lru_cache(maxsize=64)
def parse_place(raw_epoch: object, raw_position: object) -> tuple[Epoch | None, int | None]:
    """The epoch, and the position in it."""
    epoch = _epoch(raw_epoch)
    return epoch, parse_position(text(raw_position), epoch)


@lru_cache(maxsize=64)
def _epoch(raw: object) -> Epoch | None:
    return parse_epoch(text(raw))


def text(raw: object) -> str | None:
    """ASCII metadata as text; anything else is not ours."""
    if not isinstance(raw, bytes):
        return None
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError:
        return None


_NO_PATTERNS = Patterns("", 0, 0, ())


def parse_patterns(raw: str | None) -> Patterns:
    """The list as ADD_PATTERN writes it; anything else proves nothing and kills all it could."""
    if raw is None:
        return _NO_PATTERNS
    try:
        epoch, floor, *lines = raw.split("\n")
        items = []
        for line in lines:
            n, _, glob = line.partition(" ")
            items.append(
                Pattern(int(n), Glob(bytes.fromhex(glob).decode("utf-8", "surrogatepass")))
            )
        return Patterns(epoch, int(floor), items[-1].position, tuple(items))
    except (ValueError, IndexError, KeyArgumentError):
        return _NO_PATTERNS
