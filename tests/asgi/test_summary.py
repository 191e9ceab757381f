"""What the response fields say of a request's cached calls."""

import re

import pytest

from keepwarm import Outcome, Reason, Tier
from keepwarm.asgi.summary import cache_status, origin_cost_s, server_timing, x_cache

# RFC 9651: a list member that is a token with parameters.
_TOKEN = r"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*"
_MEMBER = re.compile(rf"{_TOKEN}(; [a-z*][a-z0-9_.*-]*(=(-?[0-9]{{1,15}}|{_TOKEN}))?)*")


def hit(tier: Tier = Tier.NEAR, *, ttl_s: float = 60.0, cost_s: float = 1.4) -> Outcome:
    return Outcome("list", tier, False, Reason.FRESH, ttl_s=ttl_s, cost_s=cost_s, stored=True)


def stale(reason: Reason = Reason.REVALIDATING, *, ttl_s: float = -30.5) -> Outcome:
    return Outcome("list", Tier.SHARED, True, reason, ttl_s=ttl_s, stored=True)


def miss(reason: Reason = Reason.FILLED, *, stored: bool = True, ttl_s: float = 300.0) -> Outcome:
    return Outcome("list", None, False, reason, ttl_s=ttl_s, stored=stored)


NEAR, SHARED, STALE, MISS = hit(), hit(Tier.SHARED), stale(), miss()


@pytest.mark.parametrize(
    "outcomes, word",
    [
        ([NEAR], "HIT"),
        ([NEAR, SHARED], "HIT"),
        ([NEAR, STALE], "STALE"),
        ([STALE, MISS, NEAR], "MISS"),
    ],
)
def test_x_cache_is_the_worst_of_all(outcomes: list[Outcome], word: str) -> None:
    assert word == x_cache(outcomes)


@pytest.mark.parametrize(
    "outcomes, field",
    [
        ([NEAR], "keepwarm; hit; ttl=60; detail=near"),
        ([NEAR, hit(Tier.SHARED, ttl_s=9.9)], "keepwarm; hit; ttl=9; detail=shared"),
        ([NEAR, STALE], "keepwarm; hit; ttl=-31; detail=stale-while-revalidate"),
        ([stale(ttl_s=120.0)], "keepwarm; hit; ttl=0; detail=stale-while-revalidate"),
        ([NEAR, MISS], "keepwarm; fwd=uri-miss; ttl=300; stored"),
        ([miss(Reason.EXPIRED)], "keepwarm; fwd=stale; ttl=300; stored"),
        ([miss(Reason.SKIPPED, stored=False)], "keepwarm; fwd=uri-miss; detail=skipped"),
        ([MISS, miss(stored=False)], "keepwarm; fwd=uri-miss"),
        ([miss(Reason.DISABLED, stored=False)], "keepwarm; fwd=bypass; detail=disabled"),
        ([miss(Reason.STORE_AWAY, stored=False)], "keepwarm; fwd=miss; detail=store-away"),
        ([hit(ttl_s=1e300)], "keepwarm; hit; ttl=100000000000000; detail=near"),
    ],
)
def test_cache_status_sums_up(outcomes: list[Outcome], field: str) -> None:
    assert field == cache_status(outcomes)


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("kind", [stale, miss])
def test_every_reason_makes_a_structured_field(kind: object, reason: Reason) -> None:
    """RFC 9211 section 2: `hit` or `fwd`, never both, with a forwarding word it knows."""
    field = cache_status([kind(reason)])  # type: ignore[operator]

    assert _MEMBER.fullmatch(field)
    parameters = dict((part.partition("=")[::2]) for part in field.split("; ")[1:])
    assert ("hit" in parameters) != ("fwd" in parameters)
    assert parameters.get("fwd", "miss") in {"bypass", "uri-miss", "miss", "stale"}


def test_a_collapsed_miss_says_so() -> None:
    joined = Outcome("list", None, False, Reason.FILLED, stored=True, collapsed=True, ttl_s=5.0)

    assert cache_status([joined]) == "keepwarm; fwd=uri-miss; ttl=5; stored; collapsed"
    assert "collapsed" not in cache_status([joined, MISS])


def test_a_hit_tells_what_it_would_have_cost() -> None:
    field = server_timing([hit(cost_s=1.4)], 0.003)

    assert field == 'cache;desc="near hit", origin;dur=1400.0, total;dur=3.0'


def test_the_items_of_one_batch_cost_one_call() -> None:
    """24 cards filled by one call of 30 ms were 30 ms of work, and the list came before."""
    cards = [Outcome("card", Tier.NEAR, False, Reason.FRESH, cost_s=0.03)] * 24

    assert origin_cost_s([hit(cost_s=1.4), *cards]) == pytest.approx(1.43)


def test_without_a_cached_call_only_the_total_is_told() -> None:
    assert server_timing([], 0.002) == "total;dur=2.0"
