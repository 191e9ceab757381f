"""How much of the time writers of this process hold marks: what they mark is computed.

A tag that is marked half of the time halves what its cache is good for, and nobody sees
why: entries are there, fresh, and not served.
"""

import threading
from dataclasses import dataclass, field

WINDOW_S = 60.0
TOO_LONG = 0.1  # of the time
_MOST = 4_096  # tags that are counted: who marks more marks none of them for long


@dataclass(slots=True)
class _Marked:
    """Seconds in the present window and the one before; `writers` are inside since `since`."""

    writers: int = 0
    since: float = 0.0
    present_s: float = 0.0
    before_s: float = 0.0


@dataclass(slots=True)
class Marks:
    """Told of each writer that enters and leaves; `now` is of one monotonic clock."""

    _tags: dict[str, _Marked] = field(default_factory=dict)
    _inside: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _began: float = -1.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def entered(self, writer: str, tags: tuple[str, ...], now: float) -> None:
        with self._lock:
            self._turn(now)
            self._inside[writer] = tags
            for name in tags:
                marked = self._tags.get(name)
                if marked is None:
                    if len(self._tags) >= _MOST:
                        continue
                    marked = self._tags[name] = _Marked()
                if not marked.writers:
                    marked.since = now
                marked.writers += 1

    def left(self, writer: str, now: float) -> None:
        with self._lock:
            self._turn(now)
            for name in self._inside.pop(writer, ()):
                marked = self._tags.get(name)
                if marked is not None and marked.writers:
                    marked.writers -= 1
                    if not marked.writers:
                        marked.present_s += now - marked.since

    def busiest(self, now: float) -> tuple[tuple[str, float], ...]:
        """Tags marked too long, with the share of the last minute or so, longest first."""
        with self._lock:
            self._turn(now)
            over_s = WINDOW_S + now - self._began
            shares = [
                (name, (m.before_s + m.present_s + (now - m.since if m.writers else 0.0)) / over_s)
                for name, m in self._tags.items()
            ]
        return tuple(sorted((s for s in shares if s[1] > TOO_LONG), key=lambda s: -s[1]))

    def _turn(self, now: float) -> None:
        """Begin a new window where the present one is over."""
        if self._began < 0:
            self._began = now
        while now - self._began >= WINDOW_S:
            self._began = end = max(self._began + WINDOW_S, now - WINDOW_S)
            for name, marked in tuple(self._tags.items()):
                if marked.writers:
                    marked.present_s += max(0.0, end - marked.since)
                    marked.since = max(marked.since, end)
                marked.before_s, marked.present_s = min(marked.present_s, WINDOW_S), 0.0
                if not marked.writers and not marked.before_s:
                    del self._tags[name]


def too_busy(busiest: tuple[tuple[str, float], ...]) -> str:
    """What to say of `Marks.busiest`, if there are any."""
    name, share = busiest[0]
    others = f" and {len(busiest) - 1} more" if len(busiest) > 1 else ""
    return (
        f"{name}{others}: marked by writers of this process up to {share:.0%} of the time, and "
        "what carries it is computed meanwhile; write in shorter transactions, or name finer tags"
    )
