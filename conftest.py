"""What holds for every test, wherever it lies."""

import signal


def pytest_configure() -> None:
    """Have the programs that tests start end by Ctrl-C, also where nobody sits at a terminal.

    What a script starts in the background ignores SIGINT, and so does all that is started
    from there, this process and its workers included.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
