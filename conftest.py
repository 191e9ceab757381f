"""What holds for every test, wherever it lies."""

import asyncio
import faulthandler
import gc
import signal
import tempfile
from types import FrameType

import pytest

AGAIN_S = 20.0  # a test that is to end and does not is told so again


class TookTooLong(BaseException):
    """A test's time is over. Says what its tasks and threads were waiting for.

    Not an `Exception`, which a test may be ready for, and not what pytest raises itself:
    anyio then leaves the test where it hangs and queues the end of its fixtures behind it.
    """


def pytest_configure() -> None:
    """Have the programs that tests start end by Ctrl-C, also where nobody sits at a terminal.

    What a script starts in the background ignores SIGINT, and so does all that is started
    from there, this process and its workers included.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what was collected: 400,000 objects that all stay.

    Each full collection took 0.2 s for them on a quiet machine, 0.9 s on a busy one, in the
    middle of whatever test was on, and what must not wait was seen to wait.
    """
    gc.collect()
    gc.freeze()


def pytest_timeout_set_timer(item: pytest.Item, settings: object) -> bool:
    """pytest-timeout's limits, kept until the test's last fixture has ended.

    Its own timer speaks once, and not at all after a phase of the test has failed.
    """
    seconds: float = settings.timeout  # type: ignore[attr-defined]

    def end(signum: int, frame: FrameType | None) -> None:
        raise TookTooLong(f"{item.nodeid}: not done after {seconds:g} s\n{whereabouts()}")

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
    return True


def pytest_timeout_cancel_timer(item: pytest.Item) -> bool:
    """Called after the first failure already, and here waits for `pytest_runtest_logfinish`."""
    return True


def pytest_runtest_logfinish() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)


def pytest_enter_pdb() -> None:
    """Who looks around has time."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def whereabouts() -> str:
    """What the tasks of this thread wait in, innermost last, and the stacks of all threads."""
    lines: list[str] = []
    loop = asyncio._get_running_loop()
    for task in asyncio.all_tasks(loop) if loop else ():
        lines.append(f"{task.get_name()}:")
        inner: object = task.get_coro()
        while (frame := first(inner, "cr_frame", "ag_frame", "gi_frame")) is not None:
            assert isinstance(frame, FrameType)
            code = frame.f_code
            lines.append(f"  {code.co_filename}:{frame.f_lineno} {code.co_qualname}")
            inner = first(inner, "cr_await", "ag_await", "gi_yieldfrom")
        lines.append(f"  {inner!r}")
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file)
        file.seek(0)
        return "\n".join([*lines, file.read()])


def first(holder: object, *names: str) -> object:
    """The attribute of `holder` that is there, by the first of `names`."""
    return next((found for name in names if (found := getattr(holder, name, None))), None)
