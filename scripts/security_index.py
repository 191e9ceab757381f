"""Which test holds which clause of the security design; fails where a required one has none.

    python scripts/security_index.py            the list, for people
    python scripts/security_index.py --table    the table of docs/security.md, rewritten there

Exit code 1: a gap in a required section, a test naming an unknown clause, or tests that
could not be collected.
"""

import io
import sys
import tomllib
from collections import defaultdict
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
INDEX = ROOT / "docs" / "security-index.toml"
PAGE = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- index: made by scripts/security_index.py --table -->", "<!-- end of index -->"


@dataclass(eq=False, slots=True)
class Collector:
    """A pytest plugin that notes, per clause, the tests marked with it."""

    tests: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    broken: list[str] = field(default_factory=list)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken.append(report.nodeid)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            name = item.nodeid.partition("[")[0]
            for mark in item.iter_markers("security"):
                for clause in mark.args:
                    if name not in self.tests[clause]:
                        self.tests[clause].append(name)


@dataclass(frozen=True, slots=True)
class Clause:
    name: str
    text: str
    is_required: bool


def read_index() -> dict[str, list[Clause]]:
    """Clauses by section title."""
    found = tomllib.loads(INDEX.read_text(encoding="utf-8"))
    return {
        section["title"]: [
            Clause(f"{section['name']}: {clause['id']}", clause["text"], section["required"])
            for clause in section["clauses"]
        ]
        for section in found["section"]
    }


def collect() -> Collector:
    collector = Collector()
    noise = io.StringIO()
    with redirect_stdout(noise):
        pytest.main(
            ["--collect-only", "-q", "--rootdir", str(ROOT), str(ROOT / "tests")]
            + ([str(path)] if (path := ROOT / "apps" / "gallery" / "tests").exists() else []),
            plugins=[collector],
        )
    if not collector.tests:
        collector.broken.append(noise.getvalue())
    return collector


def table(index: dict[str, list[Clause]], tests: dict[str, list[str]]) -> str:
    lines = []
    for title, clauses in index.items():
        lines += [f"### {title}", "", "| what holds | where it is tested |", "|---|---|"]
        for clause in clauses:
            places = sorted({name.partition("::")[0] for name in tests.get(clause.name, ())})
            where = ", ".join(f"`{place}`" for place in places) or "later"
            lines.append(f"| {clause.text.replace('|', chr(92) + '|')} | {where} |")
        lines.append("")
    return "\n".join(lines)


def print_list(index: dict[str, list[Clause]], tests: dict[str, list[str]]) -> None:
    for title, clauses in index.items():
        held = sum(clause.name in tests for clause in clauses)
        print(f"\n{title}: {held} of {len(clauses)}")
        for clause in clauses:
            found = tests.get(clause.name, [])
            mark = "ok   " if found else "GAP  " if clause.is_required else "later"
            print(f"  {mark} {clause.name.partition(': ')[2]}: {clause.text}")
            for name in found:
                print(f"          {name}")


def problems(index: dict[str, list[Clause]], collected: Collector) -> list[str]:
    known = {clause.name: clause for clauses in index.values() for clause in clauses}
    found = [f"could not be collected: {name}" for name in collected.broken]
    found += [f"not in the index: {name}" for name in collected.tests if name not in known]
    found += [
        f"no test holds: {name}"
        for name, clause in known.items()
        if clause.is_required and name not in collected.tests
    ]
    return found


def main(arguments: list[str]) -> int:
    index, collected = read_index(), collect()
    made = f"{BEGIN}\n\n{table(index, collected.tests)}\n{END}"
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    wrong = problems(index, collected)
    if "--table" in arguments:
        PAGE.write_text(before + made + after, encoding="utf-8")
    else:
        print_list(index, collected.tests)
        if before + made + after != page:
            print("docs/security.md is older: python scripts/security_index.py --table")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
