"""The judge can fail: each violation is found in a hand-made history, and its opposite passes."""

from dataclasses import replace
from pathlib import Path

import pytest

from keepwarm.core.outcome import Outcome, Reason, Tier
from keepwarm.testing.chaos.checker import History, Span, Terms, Verdict, check
from keepwarm.testing.chaos.records import (
    ACKED,
    CANCELLED,
    CORRUPT,
    FOREIGN,
    RAISED,
    REFUSED,
    UNACKED,
    UNSETTLED,
    Commit,
    Intent,
    Invalidation,
    Log,
    LogFile,
    Read,
    Trouble,
)
from keepwarm.testing.chaos.values import ABSENT, FLICKERING, KEYED, PAGES, Kind

MS = 1_000_000
ROW = 5


def wrote(
    log: Log, row: int, version: int, at: int, *, outcome: str = ACKED, durable: bool = False
) -> None:
    """Written at `at` ms: committed 2 ms later, invalidated from 4 to 8 ms later."""
    at *= MS
    log.intents.append(Intent(((row, version),), at + MS))
    log.commits.append(Commit(((row, version),), at, at + 2 * MS))
    log.invalidations.append(
        Invalidation((row,), "tags", at + 4 * MS, at + 8 * MS, outcome, is_durable=durable)
    )


def read(log: Log, version: int, start: int, *, row: int = ROW, final: bool = False) -> None:
    """Read from `start` to 3 ms later."""
    log.reads.append(
        Read(
            Kind.ONE,
            start * MS,
            (start + 3) * MS,
            ((row, version),),
            Tier.NEAR,
            Reason.FRESH,
            final,
        )
    )


def judge(*logs: Log, final: int = 1, row: int = ROW, terms: Terms | None = None) -> Verdict:
    return check(History(logs, {row: final}), terms or Terms())


@pytest.fixture
def log() -> Log:
    return Log("worker-0")


class TestStaleAfterAck:
    def test_a_read_that_starts_after_an_ack_and_returns_less_is_stale(self, log: Log) -> None:
        wrote(log, ROW, 1, at=100)
        read(log, 0, start=109)

        found = judge(log)

        assert (found.s1, found.acks, found.is_kept) == (1, 1, False)
        assert "row 5" in found.stories[0]
        assert "version 1 was acknowledged to worker-0 (tags)" in found.stories[0]

    @pytest.mark.parametrize("start", [99, 103, 107, 108])
    def test_one_that_started_before_the_ack_ended_is_not(self, log: Log, start: int) -> None:
        wrote(log, ROW, 1, at=100)
        read(log, 0, start=start)

        assert judge(log).is_kept

    def test_another_process_is_no_excuse(self, log: Log) -> None:
        other = Log("worker-1")
        wrote(log, ROW, 1, at=100)
        read(other, 0, start=109)

        assert judge(log, other).s1 == 1

    def test_an_ack_covers_what_others_had_committed_before_it_began(self, log: Log) -> None:
        other = Log("worker-1")
        wrote(log, ROW, 1, at=100)  # invalidates from 104 on
        other.commits.append(Commit(((ROW, 2),), 102 * MS, 103 * MS))
        read(log, 1, start=120)

        assert judge(log, other, final=2).s1 == 1

    def test_but_not_what_they_committed_while_it_ran(self, log: Log) -> None:
        other = Log("worker-1")
        wrote(log, ROW, 1, at=100)
        other.commits.append(Commit(((ROW, 2),), 102 * MS, 105 * MS))
        read(log, 1, start=120)

        assert judge(log, other, final=2).s1 == 0

    @pytest.mark.parametrize("outcome", [UNACKED, CANCELLED, REFUSED])
    def test_what_was_not_acknowledged_promises_nothing_yet(self, log: Log, outcome: str) -> None:
        wrote(log, ROW, 1, at=100, outcome=outcome)
        read(log, 0, start=109)

        found = judge(log)

        assert found.is_kept
        assert found.unacked == (outcome == UNACKED)

    def test_one_stale_row_of_a_page_is_enough(self, log: Log) -> None:
        wrote(log, ROW, 1, at=100)
        rows = tuple((row, 0) for row in PAGES[0])
        log.reads.append(Read(Kind.PAGE, 110 * MS, 111 * MS, rows))

        assert judge(log).s1 == 1

    def test_clearing_covers_every_row(self, log: Log) -> None:
        log.commits.append(Commit(((ROW, 1),), 1 * MS, 2 * MS))
        log.invalidations.append(Invalidation((), "clear", 3 * MS, 4 * MS, ACKED))
        read(log, 0, start=5)

        assert judge(log).s1 == 1

    def test_within_the_bound_a_read_may_be_behind(self, log: Log) -> None:
        wrote(log, ROW, 1, at=100)  # acknowledged at 108; the bound and 50 ms end at 408
        read(log, 0, start=407)
        read(log, 0, start=409)

        assert judge(log, terms=Terms(bound_s=0.25)).s1 == 1
        assert judge(log).s1 == 2

    def test_faults_about_that_time_are_told(self, log: Log) -> None:
        wrote(log, ROW, 1, at=100)
        read(log, 0, start=109)
        spans = [Span("flush", 90 * MS, 95 * MS), Span("busy", 5_000 * MS, 6_000 * MS)]

        story = check(History([log], {ROW: 1}, spans), Terms()).stories[0]

        assert "flush" in story
        assert "busy" not in story


class TestRowsThatComeAndGo:
    row = FLICKERING[0]

    def test_an_absence_is_stale_where_the_row_had_come_back(self, log: Log) -> None:
        wrote(log, self.row, 1, at=100)
        wrote(log, self.row, 2, at=200)
        read(log, ABSENT, start=209, row=self.row)

        assert judge(log, final=2, row=self.row).s1 == 1

    def test_it_is_not_where_the_row_may_have_gone_again(self, log: Log) -> None:
        wrote(log, self.row, 1, at=100)
        wrote(log, self.row, 2, at=200)
        wrote(log, self.row, 3, at=210)  # written at 211, before this read ended
        read(log, ABSENT, start=209, row=self.row)

        assert judge(log, final=3, row=self.row).is_kept

    def test_a_row_that_was_gone_cannot_be_read_in_that_version(self, log: Log) -> None:
        wrote(log, self.row, 1, at=100)
        read(log, 1, start=120, row=self.row)

        assert judge(log, row=self.row).s4 == 1


def test_age_is_what_a_read_was_behind_the_database(log: Log) -> None:
    """S2 is allowed: committed at 102, not yet acknowledged."""
    wrote(log, ROW, 1, at=100, outcome=UNACKED)
    read(log, 0, start=101)  # not after the commit
    read(log, 0, start=112)
    read(log, 0, start=132)

    found = judge(log)

    assert (found.s2, found.is_kept) == (2, True)
    assert found.s2_longest_s == pytest.approx(0.030)
    assert found.s2_median_s == pytest.approx(0.020)


class TestGoingBack:
    def test_a_process_that_sees_a_row_go_back_is_counted(self, log: Log) -> None:
        wrote(log, ROW, 1, at=100, outcome=UNACKED)
        read(log, 1, start=110)
        read(log, 0, start=120)

        found = judge(log)

        assert (found.s3, found.is_kept) == (1, True)

    def test_where_writes_were_announced_that_breaks_the_promise(self, log: Log) -> None:
        for row in (ROW, KEYED[0]):  # the latter's writes cannot be announced
            wrote(log, row, 1, at=100, outcome=UNACKED)
            read(log, 1, start=110, row=row)
            read(log, 0, start=120, row=row)

        found = check(History([log], {ROW: 1, KEYED[0]: 1}), Terms(is_writing=True))

        assert (found.s3, found.s8, found.is_kept) == (1, 0, False)

    def test_reads_at_the_same_time_and_other_processes_have_no_order(self, log: Log) -> None:
        other = Log("worker-1")
        wrote(log, ROW, 1, at=100, outcome=UNACKED)
        read(log, 1, start=110)
        read(log, 0, start=112)
        read(other, 0, start=120)

        assert judge(log, other).s3 == 0


class TestNeverCommitted:
    def test_a_version_beyond_the_last(self, log: Log) -> None:
        wrote(log, ROW, 1, at=100)
        read(log, 2, start=120)

        assert judge(log).s4 == 1

    def test_a_version_read_before_it_was_written(self, log: Log) -> None:
        wrote(log, ROW, 1, at=100)  # written at 101
        read(log, 1, start=95)  # until 98
        read(log, 1, start=99)  # until 102

        assert judge(log).s4 == 1

    def test_one_whose_writer_died_before_he_logged_it_counts_as_committed(self, log: Log) -> None:
        read(log, 1, start=95)

        assert judge(log).is_kept


@pytest.mark.parametrize(
    ("what", "field", "is_kept"),
    [
        (CORRUPT, "s5", False),
        (FOREIGN, "s6", False),
        (RAISED, "s7", True),
        (UNSETTLED, "s8", False),
    ],
)
def test_troubles_that_a_process_saw_itself(log: Log, what: str, field: str, is_kept: bool) -> None:
    log.troubles.append(Trouble(what, 7 * MS, "a read of ONE 5", "Overloaded: no slot"))

    found = judge(log)

    assert getattr(found, field) == 1
    assert found.is_kept == is_kept
    assert "a read of ONE 5: Overloaded: no slot" in found.stories[0]
    assert found.errors == ({"Overloaded": 1} if what == RAISED else {})


class TestStaleForEver:
    @pytest.mark.parametrize("outcome", [ACKED, UNACKED, CANCELLED])
    def test_what_a_living_process_owed_must_be_seen_in_the_end(
        self, log: Log, outcome: str
    ) -> None:
        wrote(log, ROW, 1, at=100, outcome=outcome)
        read(log, 0, start=9_000, final=True)
        log.is_alive = True

        assert judge(log).s8 == 1

    def test_what_died_with_its_process_need_not(self, log: Log) -> None:
        wrote(log, ROW, 1, at=100, outcome=UNACKED)
        read(log, 0, start=9_000, final=True)

        assert judge(log).is_kept

    def test_unless_it_was_written_to_a_journal(self, log: Log) -> None:
        wrote(log, ROW, 1, at=100, outcome=UNACKED, durable=True)
        read(log, 0, start=9_000, final=True)

        assert judge(log).s8 == 1

    def test_or_announced_before_the_commit(self, log: Log) -> None:
        log.commits.append(Commit(((ROW, 1),), 1 * MS, 2 * MS))  # and then kill -9
        read(log, 0, start=9_000, final=True)

        assert judge(log).is_kept
        assert judge(log, terms=Terms(is_writing=True)).s8 == 1

    def test_what_never_happened_need_not(self, log: Log) -> None:
        wrote(log, ROW, 1, at=100, outcome=REFUSED)
        read(log, 0, start=9_000, final=True)
        log.is_alive = True

        assert judge(log).is_kept


def test_reads_during_an_invalidation_of_their_rows_are_counted(log: Log) -> None:
    """Without any, zero stale reads would mean nothing."""
    wrote(log, ROW, 1, at=100)  # invalidated from 104 to 108
    wrote(log, 6, 1, at=200)
    for start in (100, 102, 105, 107, 109, 205):
        read(log, 1, start=start)

    assert judge(log).overlaps == 3


def test_hits_and_times_are_summed_up(log: Log) -> None:
    wrote(log, ROW, 1, at=100)
    read(log, 1, start=120)
    log.reads.append(replace(log.reads[0], tier=None, end=180 * MS))
    log.reads.append(replace(log.reads[0], tier=Tier.SHARED))

    found = judge(log)

    assert (found.reads, found.hits, found.near_hits) == (3, 2, 1)
    assert found.longest_read_s == pytest.approx(0.060)
    assert found.longest_ack_s == found.median_ack_s == pytest.approx(0.004)


class TestLogs:
    def test_what_was_logged_is_read_back(self, tmp_path: Path) -> None:
        file = LogFile(tmp_path / "worker-3.log")
        outcomes = [
            Outcome("p", Tier.NEAR, False, Reason.FRESH),
            Outcome("p", Tier.SHARED, False, Reason.FRESH),
        ]
        rows = tuple((row, 70_000) for row in PAGES[2])
        file.read(Kind.PAGE, 5, 9, rows, outcomes, is_final=True)
        file.read(Kind.FLICKER, 5, 9, [(90, ABSENT)])
        file.intent([(5, 1)])
        file.commit([(5, 1)], 17)
        file.invalidation([5], "tags", 18, UNACKED, "timeout", is_durable=True)
        file.trouble(CORRUPT, "a read", "wrong")
        file.cancelled()
        file.alive()
        file.close()

        log = Log.load(file.path)

        assert log.name == "worker-3"
        assert log.reads == [
            Read(Kind.PAGE, 5, 9, rows, Tier.SHARED, Reason.FRESH, is_final=True),
            Read(Kind.FLICKER, 5, 9, ((90, ABSENT),)),
        ]
        assert log.intents[0].rows == log.commits[0].rows == ((5, 1),)
        assert log.commits[0].start == 17
        assert log.invalidations[0].rows == (5,)
        assert (log.invalidations[0].why, log.invalidations[0].is_durable) == ("timeout", True)
        assert log.troubles[0].text == "wrong"
        assert (log.own_cancellations, log.is_alive) == (1, True)

    def test_a_record_torn_by_kill_9_costs_only_itself(self, tmp_path: Path) -> None:
        file = LogFile(tmp_path / "w.log")
        for _ in range(2):
            file.read(Kind.ONE, 5, 9, [(5, 1)])
        file.close()
        whole = file.path.read_bytes()
        for cut in range(1, len(whole) // 2):
            file.path.write_bytes(whole[:-cut])
            assert len(Log.load(file.path).reads) == 1
