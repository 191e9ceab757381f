"""The verbs of `keepwarm`."""

import json
import sys
import time
from typing import Annotated, Any

import typer
from rich.table import Table

from keepwarm.cli import dictionary
from keepwarm.cli.audit import audit
from keepwarm.cli.doctor import Finding, examine
from keepwarm.cli.inspecting import Found, find
from keepwarm.cli.options import AsJson, Namespace, Url
from keepwarm.cli.output import Exit, Output, shown, span, volume
from keepwarm.cli.proxy import proxy
from keepwarm.cli.store import target
from keepwarm.core.globs import Glob
from keepwarm.core.steps import Describe, Scan
from keepwarm.engine.plans import PREVIEW, Ack

app = typer.Typer(
    name="keepwarm",
    help=(
        "Look at a cache's store and invalidate in it.\n\n"
        "The store: --url, else REDIS_URL, or REDIS_HOST with REDIS_PORT, REDIS_PASSWORD, "
        "REDIS_USERNAME, REDIS_DB; embedded:// is the embedded server of an app running here. "
        "A password belongs in the environment: other users see command lines.\n\n"
        "Exit codes: 0 done; 1 not acknowledged, not found, or something is wrong; "
        "2 wrong usage; 3 store unreachable."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # it would print variables, and one of them is a URL
)

app.command()(proxy)
app.command()(audit)
app.add_typer(dictionary.app, name="dictionary")

_MARKS = {"ok": ("✓", "green"), "note": ("·", "dim"), "warning": ("!", "yellow")}
_WRONG = ("✗", "red")


@app.command()
def doctor(url: Url = None, namespace: Namespace = None, as_json: AsJson = False) -> None:
    """Check that the store can do what the cache needs, and say what to do where not."""
    out = Output(as_json=as_json)
    findings: list[Finding] = []
    with out.ending():
        chosen = target(url, namespace)
        with chosen.client() as client:
            for finding in examine(chosen, client):
                findings.append(finding)
                _tell(out, finding)
    is_wrong = any(finding.grade == "wrong" for finding in findings)
    out.data(
        {
            "ok": not is_wrong,
            "findings": [
                {"name": f.name, "grade": f.grade, "found": f.found, "advice": f.advice}
                for f in findings
            ],
        }
    )
    raise typer.Exit(Exit.FAILED if is_wrong else Exit.DONE)


def _tell(out: Output, finding: Finding) -> None:
    mark, style = _MARKS.get(finding.grade, _WRONG)
    out.say(f"{mark} {finding.name:<12} {finding.found}", style)
    if finding.advice:
        out.say(f"{'':15}→ {finding.advice}")


@app.command()
def stats(url: Url = None, namespace: Namespace = None, as_json: AsJson = False) -> None:
    """What the store says of itself. Hit rates are each app's own: see its /metrics."""
    out = Output(as_json=as_json)
    with out.ending():
        chosen = target(url, namespace)
        with chosen.store() as store:
            facts = store.answer(Describe())
    out.data(
        {
            "store": chosen.where,
            "usedBytes": facts.used_bytes,
            "limitBytes": facts.limit_bytes,
            "keys": facts.entries,
            "notes": list(facts.notes),
        }
    )
    limit = volume(facts.limit_bytes) if facts.limit_bytes else "no limit known"
    out.say(f"store   {chosen.where}")
    out.say(f"memory  {volume(facts.used_bytes)} ({limit})")
    out.say(f"keys    {'unknown' if facts.entries is None else f'{facts.entries:,}'}")
    for note in facts.notes:
        out.say(f"note    {note}", "yellow")


@app.command()
def keys(
    glob: Annotated[str, typer.Argument(help="Over logical keys; * and ? are special.")] = "*",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 1_000,
    url: Url = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """List the logical keys of stored entries, one a line; a walk, never KEYS."""
    out = Output(as_json=as_json)
    with out.ending():
        chosen = target(url, namespace)
        pattern = Glob(glob)
        with chosen.store() as store:
            # Some of what is scanned may not match; each value shape has a name of its own.
            names = store.answer(Scan(pattern.redis(chosen.namespace), 10 * limit))
    head = f"{chosen.namespace}:"
    logical = (name.removeprefix(head).rpartition("@")[0] for name in names)
    found = sorted({key for key in logical if pattern.matches(key)})
    listed = found[:limit]
    is_complete = len(names) < 10 * limit and len(found) <= limit
    out.data({"keys": listed, "isComplete": is_complete})
    if not as_json:
        for key in listed:
            out.line(key)
        more = "" if is_complete else "; there are more: raise --limit"
        out.status.print(f"{len(listed)} key(s){more}", style="dim")


@app.command()
def inspect(
    key: Annotated[str, typer.Argument(help="A logical key, such as characters:detail:5.")],
    value: Annotated[bool, typer.Option("--value", help="Show the value too.")] = False,
    url: Url = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """An entry's ages, size and tags, and whether it may still be served."""
    out = Output(as_json=as_json)
    now = time.time()
    with out.ending():
        chosen = target(url, namespace)
        with chosen.store() as store, chosen.client() as client:
            found = find(store, client, chosen.namespace, key, now)
    if not found:
        raise out.fail(Exit.FAILED, "not-found", "nothing is stored under this key")
    out.data([_described(each, now, value) for each in found])
    if not as_json:
        for each in found:
            _show(out, each, now, value)


def _described(found: Found, now: float, with_value: bool) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": found.name,
        "bytes": found.size,
        "expiresInSeconds": found.expires_in_s,
        "state": found.verdict,
    }
    terms = found.terms
    if terms is not None:
        body |= {
            "filledAt": terms.filled_at,
            "ageSeconds": now - terms.filled_at,
            "ttlSeconds": terms.fresh_until - now,
            "costSeconds": terms.cost_s,
            "filler": terms.filler,
            "isFenced": terms.is_fenced,
            "tags": list(terms.tags),
            "dependencies": [
                {"kind": d.kind, "name": d.name, "state": d.state} for d in found.dependencies
            ],
        }
        if with_value:
            body["value"] = found.value
    return body


def _show(out: Output, found: Found, now: float, with_value: bool) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("name", found.name)
    is_served = found.verdict in ("fresh", "stale, served while it is refreshed")
    table.add_row("state", found.verdict, style="green" if is_served else "yellow")
    expiry = "never" if found.expires_in_s is None else f"in {span(found.expires_in_s)}"
    table.add_row("stored", f"{volume(found.size)}, forgotten by the store {expiry}")
    terms = found.terms
    if terms is not None:
        left = terms.fresh_until - now
        lifetime = (
            f"{span(left)} of its ttl left" if left > 0 else f"its ttl ended {span(left)} ago"
        )
        table.add_row("age", f"{span(now - terms.filled_at)}, {lifetime}")
        how = f"in {span(terms.cost_s)}" if terms.is_fenced else "by a bare set (unfenced)"
        table.add_row("filled", f"{how} by {shown(terms.filler) or 'unknown'}")
        for each in found.dependencies:
            table.add_row(each.kind, f"{shown(each.name)}  {each.state}")
        if with_value:
            text = json.dumps(found.value, indent=2, ensure_ascii=False)
            table.add_row("value", "\n".join(map(shown, text.splitlines())))
    out.console.print(table)


@app.command()
def invalidate(
    tags: Annotated[list[str] | None, typer.Argument(metavar="TAG...")] = None,
    key: Annotated[
        list[str] | None, typer.Option("--key", help="A logical key; may be repeated.")
    ] = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="May be served while they refresh (tags only).")
    ] = False,
    url: Url = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Make every entry carrying any of these tags unservable, in every process."""
    out = Output(as_json=as_json)
    with out.ending():
        if not tags and not key:
            raise out.fail(Exit.USAGE, "usage", "name at least one TAG or --key")
        if stale and key:
            raise out.fail(Exit.USAGE, "usage", "--stale is for tags: a key is dropped at once")
        chosen = target(url, namespace)
        with chosen.cache() as cache:
            acks = []
            if tags:
                acks.append(cache.invalidate(*tags, then="stale" if stale else None))
            if key:
                acks.append(cache.invalidate_key(*key))
    _acknowledged(out, acks)


@app.command()
def pattern(
    glob: Annotated[str, typer.Argument(help="Over logical keys; * and ? are special.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what it would hit.")
    ] = False,
    url: Url = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Make every entry unservable whose logical key matches."""
    out = Output(as_json=as_json)
    with out.ending():
        chosen = target(url, namespace)
        Glob(glob)  # a wrong one is wrong usage, whether or not the store answers
        with chosen.cache() as cache:
            ack = cache.invalidate_pattern(glob, dry_run=dry_run)
    if not dry_run:
        _acknowledged(out, [ack])
        return
    matched = sorted(ack.matched)
    is_complete = len(matched) < PREVIEW
    out.data({"dryRun": True, "matched": matched, "isComplete": is_complete})
    if not as_json:
        for name in matched:
            out.line(name)
        more = "" if is_complete else " or more"
        out.status.print(f"would hit {len(matched)}{more} stored key(s)", style="dim")


@app.command()
def clear(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Make everything in the namespace unservable, in every process."""
    out = Output(as_json=as_json)
    with out.ending():
        chosen = target(url, namespace)
        if not yes:
            if as_json or not sys.stdin.isatty():
                raise out.fail(Exit.USAGE, "usage", "nobody is there to be asked: pass --yes")
            question = f"Drop everything in {chosen.namespace!r} at {chosen.where}?"
            typer.confirm(question, abort=True)
        with chosen.cache() as cache:
            ack = cache.clear()
    _acknowledged(out, [ack])


def _acknowledged(out: Output, acks: list[Ack]) -> None:
    last = acks[-1]
    count = sum(len(ack.what) for ack in acks)
    out.data(
        {
            "acknowledged": True,
            "level": last.level,
            "count": count,
            "epoch": last.epoch,
            "position": last.position,
        }
    )
    out.say(f"acknowledged ({last.level}) at position {last.position}", "green")
