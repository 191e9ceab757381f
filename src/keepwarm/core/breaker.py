"""The circuit breaker: after a few faults in a row, stop asking for a while.

An open breaker spares every request the operation timeout. Somebody probes while it is
open, more and more seldom; the first good answer closes it.
"""

from dataclasses import dataclass, replace

FAULTS_TO_OPEN = 3  # one lost packet is not an outage; three timeouts in a row are
FIRST_PROBE_S = 0.1
LONGEST_PROBE_S = 0.5  # so that hits are back well within a second of the store


@dataclass(frozen=True, slots=True)
class Breaker:
    """Closed (`opened_at` None) or open; a value that each event replaces."""

    faults: int = 0
    opened_at: float | None = None
    probe_after_s: float = FIRST_PROBE_S

    @property
    def is_open(self) -> bool:
        return self.opened_at is not None

    def failed(self, now: float) -> "Breaker":
        if self.is_open:
            return replace(self, probe_after_s=min(self.probe_after_s * 2, LONGEST_PROBE_S))
        if self.faults + 1 >= FAULTS_TO_OPEN:
            return Breaker(FAULTS_TO_OPEN, now)
        return Breaker(self.faults + 1)

    def succeeded(self) -> "Breaker":
        return CLOSED


CLOSED = Breaker()
