"""What was to be reached, and whether it was: one line for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    what: str
    figure: str
    is_met: bool


def goals(found: Mapping[str, Any]) -> list[Goal]:
    """Those that the figures at hand say something about."""
    near, gets = found["near"], found["gets"]
    listed = [
        _at_most(
            "a near hit, against a bare coroutine",
            _ratio(near, "keepwarm", of="a bare coroutine"),
            3.5,
        ),
        *(
            _at_least(f"a near hit, against {peer}", _ratio(near, peer), least)
            for peer, least in (
                ("moka-py", 1), ("cachebox", 1), ("async-lru", 1), ("aiocache", 20), ("cashews", 50)
            )
        ),
        _at_most("a near hit of a `def`, against that of an `async def`",
                 _us(found["blocking"], "keepwarm") / _us(near, "keepwarm"), 1.5),
    ]  # fmt: skip
    for section, what in (("shared", "a shared hit of a list"), ("detail", "… of a detail")):
        hits = found[section]
        us = _us(hits, "keepwarm")
        listed += [
            Goal(f"{what} at most 12 µs", f"{us:.1f} µs", us <= 12),
            _at_least(f"{what}, against aiocache", _ratio(hits, "aiocache"), 8),
            _at_least(f"{what}, against cashews", _ratio(hits, "cashews"), 15),
        ]
    listed += [
        _at_least("a GET, against redis-py", _ratio(gets, "redis-py"), 15),
        _at_least("a GET, against glide", _ratio(gets, "valkey-glide"), 10),
        _at_most(
            "a GET, against a socket that pipelines",
            _ratio(gets, "keepwarm", of="a blocking socket, pipelined"),
            2,
        ),
    ]
    storm = found["storm"]["keepwarm"]
    listed.append(
        Goal(
            "a storm of cancellations: no reconnect, no wrong reply",
            f"{storm['connections']}, {storm['wrong']}",
            storm["connections"] == storm["wrong"] == 0,
        )
    )
    for section in ("hit_ratio", "near_memory", "codecs"):
        part = found.get(section)
        if part is not None:
            told = part.get("summary", part)["goals"]
            listed += [Goal(what, _said(section, part), met) for what, met in told.items()]
    if "http" in found:
        for server, each in found["http"]["servers"].items():
            listed += _http(server, each["ratio"], found["http"]["goals"])
    if "by_entries" in found:
        us = {n: each["hit_us"] for n, each in found["by_entries"].items()}
        listed.append(
            _at_most(
                "a near hit among 1,000,000 entries, against 1,000", us["1000000"] / us["1000"], 1.5
            )
        )
        grown = {n: each["hit_us"] for n, each in found["by_processes"].items()}
        listed.append(
            _at_most("a near hit among 8 processes, against 1", grown["8"] / grown["1"], 1.5)
        )
    return listed


def table(found: Mapping[str, Any]) -> str:
    listed = goals(found)
    lines = ["| to be reached | measured | |", "|---|---:|---|"]
    lines += [f"| {g.what} | {g.figure} | {'✓' if g.is_met else 'missed'} |" for g in listed]
    met = sum(goal.is_met for goal in listed)
    return f"**{met} of {len(listed)} goals met**\n\n" + "\n".join(lines)


def _us(section: Mapping[str, Any], name: str) -> float:
    return float(section[name]["median_us"])


def _ratio(section: Mapping[str, Any], name: str, of: str = "keepwarm") -> float:
    return _us(section, name) / _us(section, of)


def _at_most(what: str, ratio: float, most: float) -> Goal:
    return Goal(f"{what}: at most {most} ×", f"{ratio:.2f} ×", ratio <= most)


def _at_least(what: str, ratio: float, least: float) -> Goal:
    return Goal(f"{what}: at least {least} ×", f"{ratio:.2f} ×", ratio >= least)


def _said(section: str, part: Mapping[str, Any]) -> str:
    if section == "hit_ratio":
        told = part["summary"]
        bytes_ = told.get("bytes_mean_over_lru")
        return f"mean {told['mean_over_lru']:+}, worst {told['worst_against_lru']:+}" + (
            f", in bytes {bytes_:+}" if bytes_ is not None else ""
        )
    if section == "near_memory":
        by_tags = part["overhead_bytes"]
        stall = max(ms for what, ms in part["stalls_ms"].items() if what not in part["not_counted"])
        return f"{by_tags['own key only']} B, {by_tags['and 1 tag']} B with a tag; {stall:.2f} ms"
    forms = part["forms"]
    return (
        f"{forms['msgpack, zstd']['times_smaller_than_json']}, "
        f"{forms['msgpack, zstd, dictionary']['times_smaller_than_json']} with a dictionary"
    )


def _http(server: str, ratio: Mapping[str, float], least: Mapping[str, float]) -> list[Goal]:
    """The same goals under each server: how much of a request is the server's own differs."""
    what = f"{server}: requests per CPU second"
    listed = [
        _at_least(f"{what}, {tier} tier, of an app's that does nothing", ratio[tier], least[tier])
        for tier in ("near", "shared")
    ]
    listed += [
        _at_least(f"{what}, against {peer}", ratio["near"] / ratio[peer], times)
        for peer, times in (("hishel", 15), ("fastapi_cache2", 8))
        if peer in ratio
    ]
    if "nginx" in ratio:
        cost = ratio["nginx"] / ratio["near"]
        listed.append(_at_most(f"{server}: CPU of a hit, against nginx proxy_cache", cost, 2.1))
    return listed
