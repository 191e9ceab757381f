"""The clock of tests: waiting and computing count, being held up by the machine does not."""

import os
import subprocess
import sys
import time

from fairness import now_s

HELD_UP = """
import time
from fairness import now_s
now_s()
began, fairly = time.monotonic(), now_s()
print("ready", flush=True)
while time.monotonic() - began < 0.8:
    time.sleep(0.01)
print(time.monotonic() - began, now_s() - fairly)
"""


def test_waiting_counts() -> None:
    now_s()
    began = now_s()
    time.sleep(0.3)
    assert now_s() - began > 0.15


def test_computing_counts() -> None:
    now_s()
    began, ran = now_s(), time.process_time()
    while time.process_time() - ran < 0.3:
        pass
    assert now_s() - began > 0.25


def test_a_process_that_is_stopped_does_not_age() -> None:
    environment = os.environ | {"PYTHONPATH": os.path.dirname(__file__)}
    command = [sys.executable, "-c", HELD_UP]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as held:
        assert held.stdout is not None
        held.stdout.readline()
        for word, pause_s in (("STOP", 0.6), ("CONT", 0.0)):
            subprocess.run(["kill", f"-{word}", str(held.pid)], check=True)
            time.sleep(pause_s)
        whole_s, fair_s = map(float, held.stdout.read().split())
    assert whole_s - fair_s > 0.5
