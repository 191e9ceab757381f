"""The same load file gives the same requests, and refuses what cannot be played."""

from collections import Counter
from pathlib import Path

import pytest

from gallery.data.values import Mode
from gallery.load.cast import Cast, Known, Member
from gallery.load.plan import DEFAULT_FILE, Plan, PlanError
from gallery.load.requests import WRITES, Kind
from gallery.load.sequence import sequence

CAST = Cast(
    characters=tuple(Known(id, 1, "0" * 16) for id in range(1, 301)),
    users=tuple(Member(id, f"u{id}") for id in range(1, 31)),
    admin=Member(31, "admin"),
    tags=tuple(f"tag{n}" for n in range(20)),
    species=("elf", "orc"),
)


def test_the_same_plan_and_cast_give_the_same_sequence() -> None:
    plan = Plan.read()

    assert sequence(plan, CAST) == sequence(Plan.read(), CAST)


def test_another_seed_gives_another_sequence() -> None:
    plan = Plan.read()

    assert sequence(plan, CAST) != sequence(plan.but(seed=plan.seed + 1), CAST)


def test_a_sequence_is_as_long_and_dense_as_the_plan_says() -> None:
    planned = sequence(Plan.read().but(seconds=200.0, requests_per_s=50.0), CAST)

    times = [one.at for one in planned]
    assert times == sorted(times)
    assert times[-1] < 200.0
    assert 9_500 < len(planned) < 10_500  # 5 standard deviations


def test_every_kind_of_request_is_there() -> None:
    kinds = Counter(one.request.kind for one in sequence(Plan.read(), CAST))

    assert set(Kind) == set(kinds)
    writes = sum(count for kind, count in kinds.items() if kind in WRITES)
    assert 0.05 < writes / kinds.total() < 0.12


def test_the_popular_are_met_more_often_than_the_rest() -> None:
    plan = Plan.read().but(seconds=300.0)
    details = Counter(
        one.request.character_id for one in sequence(plan, CAST) if one.request.kind is Kind.DETAIL
    )

    assert details[1] > 3 * details[10] > 0


def test_edits_name_the_version_that_the_edits_before_have_made() -> None:
    plan = Plan.read().but(seconds=600.0)
    seen: Counter[int] = Counter()
    for one in sequence(plan, CAST):
        if one.request.kind is Kind.EDIT:
            seen[one.request.character_id] += 1
            assert f'"version":{seen[one.request.character_id]},' in one.request.body.decode()
    assert max(seen.values()) > 1


def test_modes_come_as_often_as_their_weights_say() -> None:
    plan = Plan.read().but(seconds=600.0)
    modes = Counter(one.request.mode for one in sequence(plan, CAST) if one.request.mode)

    assert modes[Mode.NEWEST] > modes[Mode.TRENDING] > modes[Mode.FEATURED] > 0


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"requests_per_s": 0.0}, "requests_per_s"),
        ({"seconds": -1.0}, "seconds"),
    ],
)
def test_a_plan_that_cannot_be_played_names_its_field(changes: dict[str, float], told: str) -> None:
    with pytest.raises(PlanError, match=told):
        Plan.read().but(**changes)


def test_a_misspelt_field_is_refused(tmp_path: Path) -> None:

    path = tmp_path / "load.toml"
    path.write_text(DEFAULT_FILE.read_text().replace("detail =", "detial ="))

    with pytest.raises(PlanError, match="detial"):
        Plan.read(path)
