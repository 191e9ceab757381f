"""Every interval of the protocol, in one table.

Two rules tie them together: a lease must be renewed several times within its length, so
that one lost reply costs nothing; and an invalidation must be able to wait for a whole
lease after its own operation, within what its caller is told to expect.
"""

from dataclasses import dataclass

SLACK = 1.01  # clocks of two machines may run apart by a percent: no crystal is that bad
SLACK_S = 0.005  # and a timer may fire a few milliseconds early or late


@dataclass(frozen=True, slots=True)
class Times:
    """All in seconds. `docs/coherence.md` says how each was settled."""

    operation_s: float = 0.2
    """One store operation, connecting included. A local round trip is 0.1 to 1 ms; a
    process that is starved for 100 ms must not look like a store that is away."""
    lease_s: float = 0.25
    """Delta: how long a near tier may answer by itself after the store last confirmed it,
    and so how long an acknowledgement waits for a process that is dead or paused."""
    renew_s: float = 0.0625
    """Between two renewals: a quarter of the lease, so that three may be lost."""
    beat_s: float = 0.25
    """Between two heartbeats of a process without a lease: how long a failover that broke
    no connection can go unnoticed."""
    writer_s: float = 10.0
    """D: how long a writer's mark outlives its last renewal, and how long a stamp created
    from nothing is distrusted. Longer than any pause a living process takes."""
    leader_s: float = 1.0
    """How long the others wait for a leader that has died in the middle of a fill."""
    patient_s: float = 0.5
    """One attempt to reach a store that is away, when nobody waits for it: a process too busy
    to read a reply within `operation_s` must still find its way back."""
    reconnect_s: float = 0.1
    """Between two attempts to reconnect; jittered by half of it."""

    @property
    def wait_s(self) -> float:
        """How long after the reply of its script an acknowledgement waits for the silent."""
        return self.lease_s * SLACK + SLACK_S


TIMES = Times()
