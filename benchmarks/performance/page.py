"""The tables of docs/performance.md."""

from collections.abc import Mapping
from typing import Any


def tables(found: Mapping[str, Any]) -> str:
    about = found["machine"]
    parts = [
        f"Measured {found['measured_at'][:10]} by `make bench`: {about['processor']}, "
        f"{about['cores']} cores, Python {about['python']}, {about['store']} on loopback. "
        "Microseconds of processor time for one operation, median of nine rounds that took "
        "turns, with quartiles.",
        _compared("A near hit of a decorated `async def`", found["near"], "keepwarm"),
        _compared("A near hit of a decorated `def`", found["blocking"], "keepwarm"),
        _compared(
            "A shared hit of a 2 KB page, decoded, 50 callers with a key each",
            found["shared"],
            "keepwarm",
        ),
        _compared("A GET of 2 KB, 50 callers with a key each", found["gets"], "keepwarm"),
        _storm(found["storm"]),
    ]
    if "by_entries" in found:
        parts.append(_by_entries(found["by_entries"]))
        parts.append(_by_processes(found["by_processes"]))
    return "\n\n".join(parts)


def _compared(title: str, figures: Mapping[str, Any], ours: str) -> str:
    own = figures[ours]["median_us"]
    lines = [f"**{title}**", "", "| | µs | quartiles | of keepwarm's |", "|---|---:|---:|---:|"]
    for name, each in figures.items():
        times = "" if name == ours else f"{each['median_us'] / own:.2f} ×"
        lines.append(
            f"| {name} | {each['median_us']:.2f} | {each['low_us']:.2f} to {each['high_us']:.2f} "
            f"| {times} |"
        )
    return "\n".join(lines)


def _storm(figures: Mapping[str, Any]) -> str:
    lines = [
        "**10,000 requests cancelled at random moments**",
        "",
        "| | new connections | wrong replies | seconds |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {each['connections']:,} | {each['wrong']} | {each['seconds']:.1f} |"
        for name, each in figures.items()
    ]
    return "\n".join(lines)


def _by_entries(figures: Mapping[str, float]) -> str:
    head = " | ".join(f"{int(n):,}" for n in figures)
    cells = " | ".join(f"{us:.2f}" for us in figures.values())
    return (
        "**A near hit among so many entries, each asked for at random (µs)**\n\n"
        f"| {head} |\n|{'---:|' * len(figures)}\n| {cells} |"
    )


def _by_processes(figures: Mapping[str, Mapping[str, float]]) -> str:
    lines = [
        "**Among so many processes with a strict near tier**",
        "",
        "| processes | a near hit, µs | an acknowledgement, ms |",
        "|---:|---:|---:|",
    ]
    lines += [
        f"| {n} | {each['hit_us']:.2f} | {each['ack_ms']:.1f} |" for n, each in figures.items()
    ]
    return "\n".join(lines)
