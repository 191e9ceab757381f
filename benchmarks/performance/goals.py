"""What was to be reached, and whether it was: one line for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TOLD = "a caller that waits is told"
SOCKET = "a blocking socket, pipelined"


@dataclass(frozen=True, slots=True)
class Goal:
    what: str
    figure: str
    is_met: bool
    at_best: str = ""
    """The figure of what does nothing but what cannot be left out, where that was measured."""


def least_us(found: Mapping[str, Any], called: str = "") -> dict[str, float]:
    """What a GET, or a shared hit of what is `called` so, cannot do without, in µs."""
    wire = "a GET is sent and its reply parsed (the blocking socket above)"
    least = {wire: _us(found["gets"], SOCKET)}
    for name in found["least"]:
        if name == TOLD or (called and name.startswith(f"a {called} is")):
            least[name] = _us(found["least"], name)
    return least


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
    for section, called, what in (
        ("shared", "list", "a shared hit of a list"),
        ("detail", "detail", "… of a detail"),
    ):
        hits, least = found[section], sum(least_us(found, called).values())
        us = _us(hits, "keepwarm")
        listed.append(Goal(f"{what} at most 12 µs", f"{us:.1f} µs", us <= 12, f"{least:.1f} µs"))
        listed += [
            _at_least(f"{what}, against {peer}", _ratio(hits, peer), times, _us(hits, peer) / least)
            for peer, times in (("aiocache", 8), ("cashews", 15))
        ]
    least = sum(least_us(found).values())
    listed += [
        _at_least(f"a GET, against {name}", _ratio(gets, peer), times, _us(gets, peer) / least)
        for name, peer, times in (("redis-py", "redis-py", 15), ("glide", "valkey-glide", 10))
    ]
    listed.append(
        _at_most(
            "a GET, against a socket that pipelines",
            _ratio(gets, "keepwarm", of=SOCKET),
            2,
            least / _us(gets, SOCKET),
        )
    )
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
        us = found["by_entries"]
        grown, least = (us["1000000"][of] / us["1000"][of] for of in ("hit_us", "dict_us"))
        listed.append(
            _at_most("a near hit among 1,000,000 entries, against 1,000", grown, 1.5, least)
        )
        by = {n: each["hit_us"] for n, each in found["by_processes"].items()}
        listed.append(_at_most("a near hit among 8 processes, against 1", by["8"] / by["1"], 1.5))
    return listed


def table(found: Mapping[str, Any]) -> str:
    listed = goals(found)
    lines = ["| to be reached | measured | | at best |", "|---|---:|---|---:|"]
    lines += [
        f"| {g.what} | {g.figure} | {'✓' if g.is_met else 'missed'} | {g.at_best} |" for g in listed
    ]
    met = sum(goal.is_met for goal in listed)
    return (
        f"**{met} of {len(listed)} goals met.** *At best*: of what does only what no cache can do "
        "without (the pieces above; over HTTP an app that does nothing; among many entries a "
        "coroutine that looks into a dict), measured in the same run.\n\n" + "\n".join(lines)
    )


def _us(section: Mapping[str, Any], name: str) -> float:
    return float(section[name]["median_us"])


def _ratio(section: Mapping[str, Any], name: str, of: str = "keepwarm") -> float:
    return _us(section, name) / _us(section, of)


def _at_most(what: str, ratio: float, most: float, least: float | None = None) -> Goal:
    return Goal(f"{what}: at most {most} ×", f"{ratio:.2f} ×", ratio <= most, _times(least))


def _at_least(what: str, ratio: float, least: float, most: float | None = None) -> Goal:
    return Goal(f"{what}: at least {least} ×", f"{ratio:.2f} ×", ratio >= least, _times(most))


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f} ×"


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
        _at_least(f"{what}, against {peer}", ratio["near"] / ratio[peer], times, 1 / ratio[peer])
        for peer, times in (("hishel", 15), ("fastapi_cache2", 8))
        if peer in ratio
    ]
    if "nginx" in ratio:
        cost = ratio["nginx"] / ratio["near"]
        listed.append(_at_most(f"{server}: CPU of a hit, against nginx proxy_cache", cost, 2.1))
    return listed
