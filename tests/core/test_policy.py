"""Policies: durations with units, every field checked when made, lifetimes as arithmetic."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepwarm.core.policy import Policy
from keepwarm.core.units import MiB, seconds, size
from keepwarm.errors import ConfigurationError, PolicyError


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("5m", 300.0),
        ("250ms", 0.25),
        ("1h", 3600.0),
        ("1d", 86_400.0),
        ("2w", 1_209_600.0),
        ("1.5s", 1.5),
        (" 10 s ", 10.0),
        (timedelta(minutes=5), 300.0),
        (0, 0.0),
    ],
)
def test_a_duration_is_read_with_its_unit(written: object, expected: float) -> None:
    assert expected == seconds(written, name="ttl")


@pytest.mark.parametrize(
    "written",
    [
        300,
        0.5,
        "300",
        "5 minutes",
        "-5s",
        timedelta(seconds=-1),
        None,
        True,
        False,
        "",
        "9" * 400,
        "٥m",
        "1e9s",
        "999999999w",
        float("nan"),
        b"5m",
    ],
)
def test_what_is_no_duration_is_refused_by_name(written: object) -> None:
    with pytest.raises(PolicyError, match="ttl"):
        seconds(written, name="ttl")


def test_a_bare_number_is_told_how_to_be_written() -> None:
    with pytest.raises(PolicyError, match=r"write '300s' or timedelta\(seconds=300\)"):
        seconds(300, name="ttl")


@pytest.mark.parametrize(
    ("written", "expected"),
    [("64MiB", 64 * MiB), ("1kB", 1000), ("1.5KiB", 1536), ("7B", 7), (1024, 1024)],
)
def test_a_size_is_read_with_its_unit(written: object, expected: int) -> None:
    assert expected == size(written, name="near")


@pytest.mark.parametrize("written", ["64", "64mb", "-1MB", 0, -5, 1.5, None, True, "0B"])
def test_what_is_no_size_is_refused_by_name(written: object) -> None:
    with pytest.raises(PolicyError, match="near"):
        size(written, name="near")


def test_a_policy_keeps_seconds_and_bytes() -> None:
    policy = Policy(
        ttl="5m",
        stale_while_revalidate="1h",
        stale_if_error="1d",
        stale_if_unproven="5m",
        soft_timeout="150ms",
        hard_timeout="5s",
        max_fills=4,
        max_bytes="1MiB",
    )
    assert (
        policy.ttl_s,
        policy.stale_while_revalidate_s,
        policy.stale_if_error_s,
        policy.stale_if_unproven_s,
    ) == (300.0, 3600.0, 86_400.0, 300.0)
    assert (0.15, 5.0, 4, MiB) == (
        policy.soft_timeout_s,
        policy.hard_timeout_s,
        policy.max_fills,
        policy.max_bytes,
    )


def test_policies_that_say_the_same_are_equal() -> None:
    assert Policy(ttl="60s") == Policy(ttl="1m")
    assert len({Policy(ttl="60s"), Policy(ttl=timedelta(minutes=1))}) == 1


def test_a_policy_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Policy(ttl="60s").ttl_s = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("ttl", {"ttl": 0}),
        ("ttl", {"ttl": 300}),
        ("stale_while_revalidate", {"stale_while_revalidate": 60}),
        ("stale_if_error", {"stale_if_error": "soon"}),
        ("stale_if_unproven", {"stale_if_unproven": "-1s"}),
        ("hard_timeout", {"hard_timeout": "0s"}),
        ("soft_timeout", {"soft_timeout": "10s", "hard_timeout": "10s"}),
        ("jitter", {"jitter": 1.5}),
        ("jitter", {"jitter": "5%"}),
        ("jitter", {"jitter": True}),
        ("jitter", {"jitter": float("nan")}),
        ("max_fills", {"max_fills": 0}),
        ("max_fills", {"max_fills": 1.5}),
        ("max_fills", {"max_fills": True}),
        ("max_bytes", {"max_bytes": "much"}),
    ],
)
def test_each_field_is_checked_when_the_policy_is_made(
    field: str, arguments: dict[str, object]
) -> None:
    with pytest.raises(PolicyError, match=f"^{field}"):
        Policy(**({"ttl": "5m"} | arguments))  # type: ignore[arg-type]
    assert issubclass(PolicyError, ConfigurationError)


def test_lifetimes_follow_the_policy() -> None:
    policy = Policy(ttl="100s", stale_while_revalidate="10s", stale_if_error="50s", jitter=0.1)
    lives = policy.lifetimes(now=1000.0, dice=0.5)
    assert (
        lives.fresh_until,
        lives.stale_until,
        lives.error_until,
        lives.kept_until,
    ) == (1095.0, 1105.0, 1145.0, 1145.0)


@given(
    now=st.floats(0, 4e9),
    dice=st.floats(0, 1, exclude_max=True),
    jitter=st.floats(0, 0.5),
    windows=st.tuples(*[st.integers(0, 10**6)] * 3),
)
def test_jitter_only_shortens_and_nothing_outlives_what_is_kept(
    now: float, dice: float, jitter: float, windows: tuple[int, int, int]
) -> None:
    revalidate, error, unproven = (timedelta(seconds=w) for w in windows)
    lives = Policy(
        ttl="60s",
        stale_while_revalidate=revalidate,
        stale_if_error=error,
        stale_if_unproven=unproven,
        jitter=jitter,
    ).lifetimes(now, dice)
    assert now + 29.9 <= lives.fresh_until <= now + 60.0
    assert lives.fresh_until <= min(lives.stale_until, lives.error_until)
    assert lives.kept_until >= max(lives.stale_until, lives.error_until)
    assert lives.kept_until >= lives.fresh_until + windows[2] - 1e-3
