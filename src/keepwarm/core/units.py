"""Durations and sizes as people write them, checked: "5m", "250ms", "64MiB"."""

import math
import re
from datetime import timedelta

from keepwarm.errors import PolicyError

KiB = 1024
MiB = 1024 * KiB
GiB = 1024 * MiB

_DURATION = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*(ms|s|m|h|d|w)\s*", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_SIZE = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([KMG]i?B|kB|B)\s*", re.ASCII)
_BYTES = {"B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3}
_BYTES |= {"KiB": KiB, "MiB": MiB, "GiB": GiB}

# Beyond it lies a typing error, and instants that some store's integer cannot hold.
LONGEST_S = 100 * 365 * 86_400.0


def seconds(value: object, *, name: str) -> float:
    """`value` ("5m", "250ms", "1h", a timedelta, or 0) in seconds, never negative.

    A bare number is refused: 300 of what? Raises PolicyError, naming `name`.
    """
    match value:
        case timedelta():
            amount = value.total_seconds()
        case str():
            found = _DURATION.fullmatch(value)
            if found is None:
                raise PolicyError(
                    f"{name}={value!r} is not a duration: write a number and one of "
                    "ms, s, m, h, d, w, such as '250ms' or '5m'"
                )
            amount = float(found[1]) * _SECONDS[found[2]]
        case bool():
            raise PolicyError(f"{name}={value!r} is not a duration: write it as '5m'")
        case int() | float() if value == 0:
            return 0.0
        case int() | float():
            raise PolicyError(
                f"{name}={value!r} has no unit: write '{value}s' or timedelta(seconds={value})"
            )
        case _:
            raise PolicyError(
                f"{name} cannot be a {type(value).__name__}: write it as '5m' or a timedelta"
            )
    if amount < 0:
        raise PolicyError(f"{name}={value!r} is negative")
    if amount > LONGEST_S:
        raise PolicyError(f"{name}={value!r} is longer than 100 years")
    return amount


def size(value: object, *, name: str) -> int:
    """`value` ("64MiB", "500kB", or a number of bytes) in bytes, at least 1.

    Raises PolicyError, naming `name`.
    """
    match value:
        case bool():
            raise PolicyError(f"{name}={value!r} is not a size: write it as '64MiB'")
        case int():
            amount = value
        case str():
            found = _SIZE.fullmatch(value)
            if found is None:
                raise PolicyError(
                    f"{name}={value!r} is not a size: write a number and one of "
                    "B, kB, MB, GB, KiB, MiB, GiB, such as '64MiB'"
                )
            amount = math.floor(float(found[1]) * _BYTES[found[2]])
        case _:
            raise PolicyError(
                f"{name} cannot be a {type(value).__name__}: write it as '64MiB' or in bytes"
            )
    if amount < 1:
        raise PolicyError(f"{name}={value!r} is less than one byte")
    return amount
