"""`keepwarm dictionary train`: what stored values have in common, as a file to compress with."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from keepwarm.cli.options import AsJson, Namespace, Url
from keepwarm.cli.output import Exit, Output, volume
from keepwarm.cli.store import Target, target
from keepwarm.core.globs import Glob
from keepwarm.core.steps import Away, ReadShared, Scan
from keepwarm.core.units import size
from keepwarm.errors import ConfigurationError
from keepwarm.stores.compression import LARGEST_DICTIONARY, Compression, train

app = typer.Typer(help="Dictionaries to compress stored values with.", no_args_is_help=True)

_AT_ONCE = 50  # entries read in one trip
_KEPT_BACK = 5  # every fifth sample teaches nothing and is measured instead
_FEWEST = 10
_LARGEST_SAMPLE = 128 * 1024  # of a longer value its beginning; more teaches no more


@dataclass(frozen=True, slots=True)
class Gain:
    """Bytes of the samples that were kept back: as they are, and compressed both ways."""

    plain: int
    without: int
    with_it: int


@app.callback()
def dictionary() -> None:
    """Dictionaries to compress stored values with."""


@app.command("train")
def trained(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Values to learn from, one a file; else those in the store."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write it.")] = Path(
        "keepwarm.dictionary"
    ),
    wanted: Annotated[str, typer.Option("--size", help="How large it may be.")] = "16KiB",
    glob: Annotated[str, typer.Option("--glob", help="Learn from these logical keys.")] = "*",
    limit: Annotated[int, typer.Option(min=_FEWEST, help="Values, at most.")] = 5_000,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    url: Url = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Train a dictionary on stored values, and say how much smaller they become.

    It holds pieces of the values it was trained on: keep it as you keep those. Give its path
    to every process (dictionary=, CACHE_DICTIONARY) before one writes with it.
    """
    out_ = Output(as_json=as_json)
    with out_.ending():
        most = size(wanted, name="--size")
        if not 256 <= most <= LARGEST_DICTIONARY:
            raise ConfigurationError(f"--size={wanted} must be from 256 to {LARGEST_DICTIONARY}")
        if files:
            samples = list(_from_files(files[:limit]))
        else:
            samples = list(_from_store(target(url, namespace), Glob(glob), limit))
        if len(samples) < _FEWEST:
            raise out_.fail(
                Exit.FAILED,
                "too-few",
                f"{len(samples)} value(s) found: at least {_FEWEST} are needed, some hundreds are "
                "better. Sealed ones are read with CACHE_SECRETS",
            )
        kept_back = samples[::_KEPT_BACK]
        content = train([s for n, s in enumerate(samples) if n % _KEPT_BACK], most)
        _write(out, content, is_replaced=force)
        gain = _gain(content, kept_back)
    number = Compression([content]).ids[0]
    out_.data(
        {
            "file": str(out),
            "id": number,
            "bytes": len(content),
            "samples": len(samples),
            "measured": len(kept_back),
            "plainBytes": gain.plain,
            "compressedBytes": gain.without,
            "withDictionaryBytes": gain.with_it,
        }
    )
    out_.say(f"written     {out} ({volume(len(content))}, number {number})")
    out_.say(f"learnt from {len(samples) - len(kept_back)} values")
    out_.say(
        f"others are  {gain.plain / max(1, gain.with_it):.1f} times smaller with it, "
        f"{gain.plain / max(1, gain.without):.1f} times without"
    )


def _gain(content: bytes, samples: list[bytes]) -> Gain:
    without, with_it = Compression(), Compression([content])
    return Gain(
        sum(map(len, samples)),
        sum(len(without.compress(each)) for each in samples),
        sum(len(with_it.compress(each)) for each in samples),
    )


def _from_files(paths: list[Path]) -> Iterator[bytes]:
    for path in paths:
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST_SAMPLE)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
        if content:
            yield content


def _from_store(chosen: Target, pattern: Glob, limit: int) -> Iterator[bytes]:
    """The values of entries of ours, as they are before compression."""
    with chosen.store() as store:
        names = store.answer(Scan(pattern.redis(chosen.namespace), limit))
        for first in range(0, len(names), _AT_ONCE):
            seen = store.answer(ReadShared(tuple(names[first : first + _AT_ONCE]), ()))
            assert not isinstance(seen, Away)  # that is the guard's word; a store raises
            for stored in seen.entries:
                if stored is not None and stored.payload:
                    yield stored.payload[:_LARGEST_SAMPLE]


def _write(path: Path, content: bytes, *, is_replaced: bool) -> None:
    """Whole or not at all, for this user's eyes only, and through no link."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    written = path.with_name(f".{path.name}.{os.getpid()}") if is_replaced else path
    try:
        with open(os.open(written, flags, 0o600), "wb") as file:
            file.write(content)
        if is_replaced:
            written.replace(path)
    except FileExistsError as error:
        raise ConfigurationError(f"{path} exists: pass --force to replace it") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
