"""The quickest way answers what the ordinary one would, and nothing that was ended."""

from keepwarm import Cache, Policy, collect

POLICIES = {"p": Policy(ttl="1h")}


async def test_equal_arguments_of_other_types_are_other_calls() -> None:
    """1, True and 1.0 find one place in a table, and are not the same argument."""
    async with Cache(policies=POLICIES) as cache:

        @cache("p", key="k:{n}")
        async def told(n: int) -> str:
            return repr(n)

        for _ in range(4):
            assert [await told(1), await told(True), await told(n=1)] == ["1", "True", "1"]


async def test_a_quick_hit_ends_with_what_it_is_made_of_and_with_the_switch() -> None:
    async with Cache(policies=POLICIES) as cache:
        version = 0

        @cache("p", key="k:{n}", tags=["t:{n}"])
        async def row(n: int) -> int:
            return version

        for version in range(1, 5):
            await cache.invalidate("t:1")
            assert [await row(1) for _ in range(4)] == [version] * 4
        version = 9
        cache.enabled = False
        assert await row(1) == 9


async def test_who_listens_hears_of_quick_hits_too_and_all_are_counted() -> None:
    async with Cache(policies=POLICIES) as cache:

        @cache("p", key="k:{n}")
        async def row(n: int) -> str:
            return "x"

        for _ in range(10):
            await row(1)
        with collect() as outcomes:
            await row(1)
        assert len(outcomes) == 1
        assert cache.stats().hits == 10


async def test_a_value_that_can_be_changed_is_each_callers_own() -> None:
    async with Cache(policies=POLICIES) as cache:

        @cache("p", key="k:{n}")
        async def row(n: int) -> list[int]:
            return [n]

        for _ in range(4):
            (await row(1)).append(2)
        assert await row(1) == [1]
