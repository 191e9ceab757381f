"""`keepwarm proxy` against the table, on each server, as a client and an origin see it."""

from collections.abc import Callable
from functools import cache

import pytest

from keepwarm.proxy.servers import SERVERS

from .cases import CASES
from .running import proxied
from .table import REQUIRED, Case

Results = dict[str, str]


@pytest.fixture(scope="module")
def results() -> Callable[[str], Results]:
    """What went wrong in each case behind a server; each is played once."""

    @cache
    def play(server: str) -> Results:
        with proxied(server) as (driver, port):
            return driver.play_all(port)

    return play


# The ordinary suite plays it on the first server only.
SERVED = [
    name if number == 0 else pytest.param(name, marks=pytest.mark.more)
    for number, name in enumerate(SERVERS)
]


@pytest.mark.parametrize("case", [c for c in CASES if c.level == REQUIRED], ids=lambda c: c.name)
@pytest.mark.parametrize("server", SERVED)
def test_required(results: Callable[[str], Results], server: str, case: Case) -> None:
    assert results(server)[case.name] == ""


@pytest.mark.parametrize("case", [c for c in CASES if c.level != REQUIRED], ids=lambda c: c.name)
@pytest.mark.parametrize("server", SERVED)
def test_optional(results: Callable[[str], Results], server: str, case: Case) -> None:
    assert results(server)[case.name] == ""


def test_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))


@pytest.mark.more
@pytest.mark.parametrize("server", list(SERVERS))
def test_three_runs_are_alike(server: str) -> None:
    """Also over one process that has the URLs of earlier runs stored."""
    with proxied(server) as (driver, port):
        runs = [driver.play_all(port) for _ in range(3)]

    assert [{name: wrong for name, wrong in run.items() if wrong} for run in runs] == [{}] * 3
