"""Every mutant that the design names is caught, and docs/worlds.md says by what."""

from collections.abc import Callable
from pathlib import Path

import pytest

from worlds import test_mutants, test_mutants_near, test_mutants_writers

PAGE = Path(__file__).parents[2] / "docs" / "worlds.md"

NAMES = (
    "missing stamp counts as valid",
    "stamps read after the origin",
    "counter instead of random",
    "run_id as prefix",
    "join any flight",
    "swallow a failed invalidation",
    "registry evicted",
    "lapsed lease keeps its mirror",
    "lease counted from the reply",
    "plain SET clears other marks",
    "EXIT without own mark is clean",
    "store creates a missing stamp",
    "union of tags by overwriting",
    "a subset of tags compared",
    "userland randomness after fork",
    "lease extended before queued pushes",
    "check-then-insert into the mirror",
    "stale-if-error serves the dead",
    "bare set counted as fenced",
    "WAIT on another connection",
)
"""As in the design, in its order; what was found since is in `FOUND`."""

FOUND = (
    "the end of a trial takes a mark with it",
    "registry of an old snapshot believed",
    "who joined takes an unconfirmed value",
    "join after the confirmation was sent",
    "near copies believed unasked",
    "holders not waited for",
    "waiting less than a lease",
    "marks not heeded by who fills",
    "notes of marks, each of eight rules",
    "a lost mark not told",
)

CAUGHT: dict[str, Callable[..., None]] = {
    "missing stamp counts as valid": test_mutants.test_a_missing_stamp_must_not_count_as_valid,
    "stamps read after the origin": (
        test_mutants.test_stamps_must_be_captured_before_the_origin_runs
    ),
    "counter instead of random": test_mutants.test_a_nonce_must_be_random_not_a_counter,
    "run_id as prefix": test_mutants_near.test_a_run_id_must_not_be_a_prefix,
    "join any flight": test_mutants.test_a_flight_with_another_token_must_not_be_joined,
    "swallow a failed invalidation": (
        test_mutants.test_a_failed_invalidation_must_not_pass_for_an_acknowledged_one
    ),
    "registry evicted": test_mutants_near.test_an_evicted_registry_must_not_be_believed_complete,
    "lapsed lease keeps its mirror": (
        test_mutants_near.test_a_lapsed_lease_must_not_keep_its_mirror
    ),
    "lease counted from the reply": test_mutants_near.test_a_lease_must_not_count_from_the_reply,
    "plain SET clears other marks": (
        test_mutants_writers.test_a_plain_change_must_not_clear_the_marks_of_others
    ),
    "EXIT without own mark is clean": (
        test_mutants_writers.test_leaving_without_a_mark_must_not_pass_for_clean
    ),
    "store creates a missing stamp": test_mutants.test_a_store_must_not_create_a_late_stamp,
    "union of tags by overwriting": test_mutants_writers.test_a_union_of_tags_must_not_overwrite,
    "a subset of tags compared": test_mutants.test_a_subset_of_the_stamps_must_not_do,
    "userland randomness after fork": (
        test_mutants_writers.test_nonces_must_not_come_from_a_generator_in_the_process
    ),
    "lease extended before queued pushes": (
        test_mutants_near.test_a_lease_must_not_be_prolonged_before_what_was_announced_is_obeyed
    ),
    "check-then-insert into the mirror": (
        test_mutants_near.test_a_reply_must_not_be_mirrored_without_looking_what_was_announced_since
    ),
    "stale-if-error serves the dead": (
        test_mutants_writers.test_stale_if_error_must_not_serve_the_dead
    ),
    "bare set counted as fenced": test_mutants_writers.test_a_bare_set_must_not_count_as_fenced,
    "WAIT on another connection": (
        test_mutants_near.test_a_confirmation_of_another_change_must_not_count
    ),
    "the end of a trial takes a mark with it": (
        test_mutants_writers.test_a_trial_that_ends_must_not_take_a_mark_with_it
    ),
    "registry of an old snapshot believed": (
        test_mutants_near.test_the_registry_of_an_old_snapshot_must_not_be_believed
    ),
    "who joined takes an unconfirmed value": (
        test_mutants.test_who_joined_must_not_take_an_unconfirmed_value
    ),
    "join after the confirmation was sent": (
        test_mutants.test_nobody_may_join_after_the_confirmation_was_sent
    ),
    "near copies believed unasked": (
        test_mutants.test_near_copies_must_be_compared_with_stamps_read_now
    ),
    "holders not waited for": test_mutants_near.test_a_change_must_be_waited_for,
    "waiting less than a lease": test_mutants_near.test_waiting_less_than_a_lease_does_not_do,
    "marks not heeded by who fills": test_mutants_writers.test_a_mark_must_be_heeded_by_who_fills,
    "notes of marks, each of eight rules": (
        test_mutants_writers.test_each_rule_of_the_notes_of_marks_is_needed
    ),
    "a lost mark not told": test_mutants_writers.test_who_left_without_his_mark_must_tell_it,
}


def test_every_mutant_of_the_design_is_caught_by_a_test() -> None:
    assert tuple(CAUGHT) == NAMES + FOUND
    assert len(set(CAUGHT.values())) == len(CAUGHT), "each has a test of its own"


@pytest.mark.parametrize("name", CAUGHT)
def test_the_page_names_each_with_its_test(name: str) -> None:
    row = f"| {name} | `{CAUGHT[name].__name__}` |"

    assert row in PAGE.read_text(), f"docs/worlds.md lacks: {row}"
