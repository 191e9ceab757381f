"""A clock for what must not wait: it stands still while the machine does not run us."""

import threading
import time

_TICK_S, _USUAL_S = 0.002, 0.001


class _Stalls(threading.Thread):
    """Adds up how much longer than asked for it was asleep while this process did not run.

    What the process itself computed meanwhile is no stall, and stays on the clock.
    """

    def __init__(self) -> None:
        super().__init__(name="fairness", daemon=True)
        self.total_s = 0.0

    def run(self) -> None:
        while True:
            began, ran = time.monotonic(), time.process_time()
            time.sleep(_TICK_S)
            late_s = time.monotonic() - began - _TICK_S - (time.process_time() - ran)
            if late_s > _USUAL_S:
                self.total_s += late_s


_stalls: list[_Stalls] = []


def now_s() -> float:
    """`time.monotonic()` without the time for which this process was held up.

    So a busy machine does not look like code that waits, and code that waits is seen.
    """
    if not _stalls:
        _stalls.append(_Stalls())
        _stalls[0].start()
    return time.monotonic() - _stalls[0].total_s
