"""Real processes on a real server and database, under faults; and the proof that it can fail.

A minute of what `make chaos` does for long.
"""

import json
from pathlib import Path

import pytest

from keepwarm.testing.chaos.__main__ import main
from keepwarm.testing.chaos.cells import Cell, Result, run
from keepwarm.testing.chaos.injectors import INJECTORS
from keepwarm.testing.chaos.matrix import Extent, cells
from keepwarm.testing.chaos.report import BEGIN, END
from keepwarm.testing.chaos.stage import Cast
from keepwarm.testing.chaos.worker import Mutant

CELLS = [
    Cell(Cast(coherence="strict", seed=1), ("kill-server", "kill-worker"), 7),
    Cell(Cast(coherence="strict", seed=2), ("failover", "pause-worker"), 8),
    Cell(Cast(coherence="strict", seed=3), ("lost-pushes", "flush"), 7),
    Cell(Cast(coherence="strict", seed=4), ("evict", "fork"), 7),
    Cell(Cast(coherence="strict", seed=5, is_writing=True), ("kill-worker", "cancel"), 8),
    Cell(Cast(coherence="validate", seed=6), ("partition", "delete-metadata"), 7),
    Cell(Cast(coherence="bounded", seed=7), ("lost-replies", "clock-worker"), 7),
]


def told(result: Result) -> str:
    return "\n".join((result.broken, result.not_run, *result.verdict.stories))


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell.cast.coherence}-{cell.name}")
async def test_every_promise_is_kept_under_faults(cell: Cell) -> None:
    result = await run(cell)

    verdict = result.verdict
    assert result.is_kept, told(result)
    assert (verdict.s1, verdict.s4, verdict.s5, verdict.s6, verdict.s8) == (0, 0, 0, 0, 0)
    # All of which means something only if there was something to see.
    assert all(result.injected.get(fault) for fault in cell.faults), result
    assert verdict.reads > 2_000
    assert verdict.hits > verdict.reads / 5
    assert verdict.overlaps > 20
    assert verdict.acks > 20


@pytest.mark.parametrize(
    ("mutant", "faults"),
    [(Mutant.BARE_DELETE, ()), (Mutant.SWALLOW, ("oom",))],
    ids=["cache-aside as most have it", "a failed invalidation taken for done"],
)
async def test_mutants_are_caught(mutant: Mutant, faults: tuple[str, ...]) -> None:
    result = await run(Cell(Cast(mutant=mutant), faults, 4))

    assert result.verdict.s1 > 0
    assert not result.is_kept
    assert "S1 stale after ack" in told(result)


async def test_what_cannot_be_run_is_said_and_never_passes() -> None:
    result = await run(Cell(Cast(server="redis"), ("clock-server",)))

    assert "libfaketime" in result.not_run
    assert not result.is_kept


def test_the_matrix_has_every_fault_alone_for_each_seed_and_pairs() -> None:
    found = list(cells(Extent(seeds=(1, 2, 3), pairs=7, servers=("valkey", "redis"))))

    for coherence in ("strict", "validate"):
        alone = [
            (c.faults[0], c.cast.seed)
            for c in found
            if len(c.faults) == 1 and c.cast.coherence == coherence and not c.cast.is_writing
        ]
        assert sorted(alone) == sorted((name, seed) for name in INJECTORS for seed in (1, 2, 3))
    assert sum(len(cell.faults) == 2 for cell in found) == 7
    assert {cell.cast.server for cell in found} == {"valkey", "redis"}
    assert found == list(cells(Extent(seeds=(1, 2, 3), pairs=7, servers=("valkey", "redis"))))


class TestCommandLine:
    def test_a_broken_promise_is_told_and_is_exit_status_1(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        figures, page = tmp_path / "figures.json", tmp_path / "page.md"
        page.write_text(f"# Page\n\n{BEGIN}\nyesterday's\n{END}\nafter\n")
        options = ["--seconds", "8", "--mutant", "bare-delete", "--processes", "2"]

        for _ in range(3):  # on a busy machine eight seconds may pass without a stale read
            code = main([*options, "--json", str(figures), "--page", str(page)])
            if code:
                break

        said = capsys.readouterr().out
        assert code == 1
        assert "BROKEN" in said
        assert "S1 stale after ack: " in said
        cell = json.loads(figures.read_text())["cells"][0]
        assert cell["s1"] > 0
        assert cell["kept"] is False
        assert (cell["mutant"], cell["seed"], cell["processes"]) == ("bare-delete", 1, 2)
        text = page.read_text()
        assert "| none (strict, bare-delete) |" in text
        assert text.startswith("# Page\n")
        assert text.endswith("\nafter\n")
        assert "yesterday" not in text

    def test_nothing_run_is_exit_status_2(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--faults", "clock-server", "--server", "redis"]) == 2
        assert "not run: " in capsys.readouterr().out

    @pytest.mark.parametrize("options", [["--faults", "gremlins"], ["--coherence", "eventual"]])
    def test_unknown_words_are_refused(self, options: list[str]) -> None:
        with pytest.raises(SystemExit) as stopped:
            main(options)
        assert stopped.value.code == 2

    def test_faults_are_listed(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--list"]) == 0
        said = capsys.readouterr().out
        assert all(name in said for name in INJECTORS)
