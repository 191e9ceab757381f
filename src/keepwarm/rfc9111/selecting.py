"""Which stored response a request selects: Vary (RFC 9111 section 4.1).

Two requests are alike in a field if its normal form is equal. A missing field is not an
empty one.
"""

import re

from keepwarm.rfc9111.fields import Fields, combined, is_token, listed, members, names, values

MOST_NAMES = 16  # a Vary that lists more than that varies on everything

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
    """The normal form of `name` in a request, or None where it has none."""
    text = combined(fields, name)
    if text is None:
        return None
    if name == b"accept-encoding":
        return _weighed(text, is_ranked=False)
    if name == b"accept-language":
        return _weighed(text, is_ranked=True)
    if name == b"accept":
        return ",".join(map(_media_range, members(text)))
    return ",".join(members(text))


def variant(names: tuple[bytes, ...], fields: Fields) -> tuple[str | None, ...]:
    """The request's values of `names`, in normal form."""
    return tuple(normal(name, fields) for name in names)


def _media_range(text: str) -> str:
    """A range of Accept: types are the same in any case, the values of parameters may not be."""
    kind, *parameters = (part.strip(" \t") for part in text.split(";"))
    return ";".join((kind.lower(), *parameters))


def _weighed(text: str, *, is_ranked: bool) -> str:
    """Choices with their weights, so that order, case and spacing do not tell them apart.

    Codings come by name, those refused included; languages by weight, then by name.
    """
    weights: dict[str, float] = {}
    for member in names(text):
        choice, *parameters = (part.strip(" \t") for part in member.split(";"))
        weight = 1.0
        for parameter in parameters:
            if found := _QUALITY.fullmatch(parameter):
                weight = float(found[1])
        choice = "gzip" if choice == "x-gzip" else choice
        weights[choice] = max(weight, weights.get(choice, 0.0))
    ranked = sorted(weights.items(), key=lambda pair: (-pair[1] if is_ranked else 0.0, pair[0]))
    if is_ranked:
        return ",".join(f"{choice};q={weight:g}" for choice, weight in ranked if weight > 0)
    return ",".join(
        choice if weight == 1 else f"{choice};q={weight:g}" for choice, weight in ranked
    )


def is_repeated(fields: Fields, name: bytes) -> bool:
    """Whether a field that may come once came more often."""
    return len(values(fields, name)) > 1
