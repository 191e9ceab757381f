"""HTTP dates (RFC 9110 section 5.6.7): three formats, strictly, in any case.

What is not exactly one of them is no date: an Expires that cannot be read is in the past.
"""

import re
from datetime import UTC, datetime

from keepwarm.rfc9111.fields import Fields, first

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = "|".join(_MONTHS)
_DAY, _LONG = "mon|tue|wed|thu|fri|sat|sun", "mon|tues|wednes|thurs|fri|satur|sun"
_TIME = r"([0-9]{2}):([0-9]{2}):([0-9]{2})"

_FIXDATE = re.compile(rf"(?:{_DAY}), ([0-9]{{2}}) ({_MONTH}) ([0-9]{{4}}) {_TIME} gmt", re.I)
_RFC850 = re.compile(rf"(?:{_LONG})day, ([0-9]{{2}})-({_MONTH})-([0-9]{{2}}) {_TIME} gmt", re.I)
_ASCTIME = re.compile(rf"(?:{_DAY}) ({_MONTH}) ([0-9]{{2}}| [0-9]) {_TIME} ([0-9]{{4}})", re.I)


def parse_date(text: str, now: float) -> float | None:
    """Unix seconds, or None. `now` tells which century a two-digit year means."""
    text = text.strip(" \t")
    if found := _FIXDATE.fullmatch(text):
        day, month, year, *time = found.groups()
        return _instant(int(year), month, day, time)
    if found := _RFC850.fullmatch(text):
        day, month, short, *time = found.groups()
        return _instant(_full_year(int(short), now), month, day, time)
    if found := _ASCTIME.fullmatch(text):
        month, day, *time, year = found.groups()
        return _instant(int(year), month, day, time)
    return None


def _full_year(short: int, now: float) -> int:
    """The year `short` means: one that seems over 50 years ahead was in the past."""
    this = datetime.fromtimestamp(now, UTC).year
    year = this - this % 100 + short
    return year - 100 if year > this + 50 else year


def _instant(year: int, month: str, day: str, time: list[str]) -> float | None:
    hour, minute, second = (int(part) for part in time)
    leap = second == 60  # a leap second is the next minute's first, as for POSIX
    try:
        moment = datetime(
            year, _MONTHS.index(month.lower()) + 1, int(day), hour, minute,
            59 if leap else second, tzinfo=UTC,
        )  # fmt: skip
    except ValueError:
        return None
    return moment.timestamp() + leap


_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def format_date(instant: float) -> bytes:
    """`instant` in the one format to send."""
    moment = datetime.fromtimestamp(int(instant), UTC)
    return (
        f"{_WEEKDAYS[moment.weekday()]}, {moment.day:02} {_MONTHS[moment.month - 1].capitalize()} "
        f"{moment.year:04} {moment.hour:02}:{moment.minute:02}:{moment.second:02} GMT"
    ).encode("ascii")


def date_of(fields: Fields, name: bytes, now: float) -> float | None:
    """The date in the first line of `name`; None where it is missing or unreadable."""
    raw = first(fields, name)
    return None if raw is None else parse_date(raw.decode("latin-1"), now)
