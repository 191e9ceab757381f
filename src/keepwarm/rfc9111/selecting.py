"""Which stored response a request selects: Vary (RFC 9111 section 4.1).

Two requests are alike in a field if its normal form is equal. A missing field is not an
empty one.
"""

import re

from keepwarm.rfc9111.fields import Fields, combined, has, is_token, listed, members, names, values

MOST_NAMES = 16  # a Vary that lists more than that varies on everything

_LISTS = frozenset(
    {
        *(
            b"accept-charset",
            b"accept-patch",
            b"accept-post",
            b"accept-signature",
            b"cache-control",
        ),
        *(b"connection", b"pragma", b"prefer", b"te", b"via", b"want-content-digest"),
        *(b"want-repr-digest", b"sec-ch-ua", b"sec-ch-ua-full-version-list"),
    }
)
"""Fields whose specification says that they are lists: spaces and empty members mean nothing."""

_QUALITY = re.compile(r"[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def vary_names(fields: Fields) -> tuple[bytes, ...] | None:
    """The fields a response varies on, sorted; None if nothing but itself could match.

    That is said by `*`; and what a name that is none should mean nobody knows.
    """
    found = sorted({name.lower() for name in listed(fields, b"vary")})
    if len(found) > MOST_NAMES or "*" in found or not all(map(is_token, found)):
        return None
    return tuple(name.encode("latin-1") for name in found)


def normal(name: bytes, fields: Fields) -> str | None:
    """The normal form of `name` in a request, or None where it has none.

    Only what its specification says to mean the same is made equal: to others `a,b` and `a, b`
    may be two users. That lines are combined holds for all fields (RFC 9110 section 5.3), but
    not for Cookie, which comes in several lines for another reason (RFC 9113 section 8.2.3).
    """
    if name == b"cookie":
        return "\n".join(values(fields, name)) if has(fields, name) else None
    text = combined(fields, name)
    if text is None:
        return None
    if name == b"accept-encoding":
        return _weighed(text, is_ranked=False)
    if name == b"accept-language":
        return _weighed(text, is_ranked=True)
    if name == b"accept":
        return ",".join(map(_media_range, members(text)))
    return ",".join(members(text)) if name in _LISTS else text


def variant(names: tuple[bytes, ...], fields: Fields) -> tuple[str | None, ...]:
    """The request's values of `names`, in normal form."""
    return tuple(normal(name, fields) for name in names)


def _media_range(text: str) -> str:
    """A range of Accept: types are the same in any case, the values of parameters may not be."""
    kind, *parameters = (part.strip(" \t") for part in text.split(";"))
    return ";".join((kind.lower(), *parameters))


def _weighed(text: str, *, is_ranked: bool) -> str:
    """Choices with their weights, so that case and spacing do not tell them apart.

    Those refused are said, too: `*, fr;q=0` is not `*`. Codings come by name; languages by
    weight, and of one weight in their order, which many take for a preference.
    """
    weights: dict[str, float] = {}
    for member in names(text):
        choice, *parameters = (part.strip(" \t") for part in member.split(";"))
        weight = 1.0
        for parameter in parameters:
            if found := _QUALITY.fullmatch(parameter):
                weight = float(found[1])
            else:
                choice += f";{parameter}"
        choice = "gzip" if choice == "x-gzip" else choice
        weights[choice] = max(weight, weights.get(choice, 0.0))
    told = (c if weight == 1 else f"{c};q={weight:g}" for c, weight in _ranked(weights, is_ranked))
    return ",".join(told)


def _ranked(weights: dict[str, float], is_ranked: bool) -> list[tuple[str, float]]:
    if is_ranked:
        return sorted(weights.items(), key=lambda pair: -pair[1])
    return sorted(weights.items())


def is_repeated(fields: Fields, name: bytes) -> bool:
    """Whether a field that may come once came more often."""
    return len(values(fields, name)) > 1
