"""The breaker opens after faults in a row, and a good answer closes it."""

from keepwarm.core.breaker import CLOSED, FAULTS_TO_OPEN, LONGEST_PROBE_S


def test_it_opens_after_faults_in_a_row_only() -> None:
    breaker = CLOSED
    for _ in range(FAULTS_TO_OPEN - 1):
        breaker = breaker.failed(1.0)
    assert not breaker.is_open
    assert not breaker.succeeded().failed(2.0).is_open
    assert breaker.failed(2.0).is_open


def test_an_open_one_is_probed_more_and_more_seldom_up_to_a_bound() -> None:
    breaker = CLOSED
    for _ in range(FAULTS_TO_OPEN):
        breaker = breaker.failed(1.0)
    waits = []
    for _ in range(8):
        waits.append(breaker.probe_after_s)
        breaker = breaker.failed(2.0)

    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_PROBE_S
    assert breaker.opened_at == 1.0
    assert breaker.succeeded() == CLOSED
