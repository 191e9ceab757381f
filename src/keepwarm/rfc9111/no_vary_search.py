"""No-Vary-Search (draft-ietf-httpbis-no-vary-search): query parameters that change nothing."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus

from keepwarm.rfc9111.fields import Fields, combined
from keepwarm.rfc9111.structured import Malformed, dictionary

MOST_NAMES = 64


@dataclass(frozen=True, slots=True)
class Search:
    """Which parameters tell two URLs apart."""

    ignored: frozenset[str] = frozenset()
    """Those that do not."""
    kept: frozenset[str] | None = None
    """Of all, only those that do; None if `ignored` is said."""
    is_ordered: bool = True

    def normal(self, query: str) -> str:
        """`query` so that two which mean the same are equal; it is no query to be sent."""
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict")
        if self.kept is not None:
            pairs = [pair for pair in pairs if pair[0] in self.kept]
        else:
            pairs = [pair for pair in pairs if pair[0] not in self.ignored]
        if not self.is_ordered:
            pairs.sort(key=lambda pair: pair[0])
        return repr(pairs)


def _key(name: object) -> str:
    """A parameter's name as it is once decoded: what no string can hold is encoded in one."""
    return unquote_plus(str(name))


def search(fields: Fields) -> Search | None:
    """What a response says of its URL's query; None if nothing, or nothing that can be read."""
    text = combined(fields, b"no-vary-search")
    if not text:
        return None
    try:
        said = dictionary(text)
    except Malformed:
        return None
    is_ordered = said.get("key-order") is not True
    params, besides = said.get("params"), said.get("except")
    if isinstance(params, list) and besides is None:
        if not all(type(name) is str for name in params) or len(params) > MOST_NAMES:
            return None
        return Search(frozenset(map(_key, params)), None, is_ordered)
    if params is True:
        listed = besides if besides is not None else []
        if not isinstance(listed, list) or not all(type(name) is str for name in listed):
            return None
        return Search(frozenset(), frozenset(map(_key, listed)), is_ordered)
    if params is None and besides is None and not is_ordered:
        return Search(frozenset(), None, False)
    return None
