"""The tables of docs/performance.md."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.performance import goals


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
            "A shared hit of a 2 KB list of 24 cards, decoded, 50 callers with a key each",
            found["shared"],
            "keepwarm",
        ),
        _compared(
            "A shared hit of a 2 KB detail, mostly text, decoded, 50 callers with a key each",
            found["detail"],
            "keepwarm",
        ),
        _compared("A GET of 2 KB, 50 callers with a key each", found["gets"], "keepwarm"),
        _least(found),
        _storm(found["storm"]),
    ]
    if "by_entries" in found:
        parts.append(_by_entries(found["by_entries"]))
        parts.append(_by_processes(found["by_processes"]))
    if "hit_ratio" in found:
        parts.append(_hit_ratios(found["hit_ratio"]["summary"]))
    if "near_memory" in found:
        parts.append(_memory(found["near_memory"]))
    if "codecs" in found:
        parts.append(_sizes(found["codecs"]["forms"]))
    if "http" in found:
        parts.append(_http(found["http"]))
    parts.append(goals.table(found))
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


def _least(found: Mapping[str, Any]) -> str:
    """What the goals of a shared hit leave no room for, of whatever cache."""
    list_, detail = (goals.least_us(found, called) for called in ("list", "detail"))
    rows = [(name, f"{us:.2f}") for name, us in (list_ | detail).items()]
    for called, least in (("list", list_), ("detail", detail)):
        rows.append((f"together, for a {called}", f"{sum(least.values()):.2f}"))
    return _table("**What no shared hit of these values can do without**", ("", "µs"), rows)


def _storm(figures: Mapping[str, Any]) -> str:
    return _table(
        "**10,000 requests cancelled at random moments**",
        ("", "new connections", "wrong replies", "seconds"),
        (
            (name, f"{each['connections']:,}", str(each["wrong"]), f"{each['seconds']:.1f}")
            for name, each in figures.items()
        ),
    )


def _by_entries(figures: Mapping[str, Mapping[str, float]]) -> str:
    return _table(
        "**A near hit among so many entries, each asked for at random (µs)**",
        ("entries", "keepwarm", "a coroutine that looks into a dict"),
        (
            (f"{int(n):,}", f"{each['hit_us']:.2f}", f"{each['dict_us']:.2f}")
            for n, each in figures.items()
        ),
    )


def _by_processes(figures: Mapping[str, Mapping[str, float]]) -> str:
    return _table(
        "**Among so many processes with a strict near tier**",
        ("processes", "a near hit, µs", "an acknowledgement, ms"),
        ((n, f"{each['hit_us']:.2f}", f"{each['ack_ms']:.1f}") for n, each in figures.items()),
    )


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Names on the left, figures on the right."""
    first = "---:" if heads[0] else "---"
    ruler = "|".join([first, *["---:"] * (len(heads) - 1)])
    lines = [title, "", f"| {' | '.join(heads)} |", f"|{ruler}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _hit_ratios(summary: Mapping[str, Any]) -> str:
    names = summary["means_beside_peers"]
    head, cells = " | ".join(names), " | ".join(f"{ratio:.1f}" for ratio in names.values())
    return (
        "**Hits of a near tier in per cent, mean over logs, generated requests and sizes**\n\n"
        f"| {head} |\n|{'---:|' * len(names)}\n| {cells} |\n\n"
        f"Over LRU {summary['mean_over_lru']:+} points on the mean; at worst "
        f"{summary['worst_against_lru']:+} ({summary['worst_on']})."
    )


def _memory(found: Mapping[str, Any]) -> str:
    lines = [
        f"**Bytes of an entry beyond its key and value, among {found['entries']:,}**",
        "",
        "| | bytes |",
        "|---|---:|",
    ]
    ours = {f"keepwarm, {what}": each for what, each in found["overhead_bytes"].items()}
    listed = ours | found["peers_overhead_bytes"]
    lines += [f"| {what} | {each} |" for what, each in listed.items()]
    return "\n".join(lines)


def _sizes(forms: Mapping[str, Any]) -> str:
    lines = [
        "**List pages of Gallery as they are stored**",
        "",
        "| | bytes | times smaller than JSON | to write, µs | to read, µs |",
        "|---|---:|---:|---:|---:|",
    ]
    fields = ("bytes", "times_smaller_than_json", "write_us", "read_us")
    lines += [
        f"| {name} | " + " | ".join(str(each[field]) for field in fields) + " |"
        for name, each in forms.items()
    ]
    return "\n".join(lines)


def _http(found: Mapping[str, Any]) -> str:
    lines = [
        "**HTTP hits of 2 KB, by the CPU time of the serving process**",
        "",
        f"Measured {found['measured_at'][:10]}, each server's variants in turns.",
    ]
    for server, each in found["servers"].items():
        lines += [
            "",
            f"| {_SERVERS[server]} | requests per CPU second | of an app that does nothing |",
            "|---|---:|---:|",
        ]
        lines += [
            f"| {_HTTP[name]} | {each['requests_per_cpu_s'][name]:,} | {ratio:.2f} × |"
            for name, ratio in each["ratio"].items()
        ]
    return "\n".join(lines)


_SERVERS = {
    "uvicorn": "uvicorn, with httptools",
    "uvicorn-h11": "uvicorn, with h11",
    "hypercorn": "hypercorn",
    "granian": "granian, by ASGI",
}


_HTTP = {
    "bare": "an app that does nothing",
    "near": "it behind HTTPCache, from the near tier",
    "shared": "… from the shared tier",
    "hishel": "it behind hishel",
    "fastapi_cache2": "FastAPI with fastapi-cache2",
    "nginx": "it behind nginx, proxy_cache",
}
