"""Templates of keys and tags, checked against their function when they are declared.

`characters:list:{mode}:{page}:{user_id?}` names arguments; the last part is left out,
with its colon, where user_id is None. A part written `{tenant!}` must be there: a call
without it has no key and is not cached. A key must name every argument, or the function
must say that the answer does not depend on it: a key that forgets an input serves the
wrong page.

Keys and tags render differently, on purpose. Two keys must never be equal by accident,
or one caller gets another's value: types are told apart and separators escaped. Two
tags may be (that invalidates too much, which is safe), but a tag written by hand,
`f"character:{id}"`, must equal the rendered one, or it would invalidate too little:
a tag is the plain text of its values.
"""

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Any

from keepwarm.core.globs import Glob
from keepwarm.core.hints import why_unstable
from keepwarm.core.parts import encode_part, tag_part
from keepwarm.errors import KeyArgumentError, KeyTemplateError

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"([^\W\d]\w*)([?!])?")
# Text that could not come out of encode_part as it stands, or would not be what it seems.
_BAD_LITERAL = re.compile(r"[^!-~]|[{}%~*?\[\]\\]")
# What encode_part never writes: between two placeholders, one of these must stand.
_SEPARATOR = re.compile(r"[:/|;#@!$&<>^]")


_MISSING: tuple[object, ...] = (None, "", b"")


class _Role(Enum):
    KEY = "key"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class _Part:
    before: str
    name: str
    is_optional: bool
    is_required: bool


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template; make one with `parse`, `parse_tag` or `derive`."""

    text: str
    what: str
    fields: tuple[str, ...]
    """The arguments it names, in order."""
    required: tuple[str, ...]
    """Those without which there is no key, written `{name!}`."""
    _parts: tuple[_Part, ...] = field(repr=False)
    _tail: str = field(repr=False)
    _vanishing: int = field(repr=False)  # how many parts at the end may be left out
    _encode: Callable[[object], str] = field(repr=False, compare=False)

    @classmethod
    def parse(
        cls,
        template: str,
        signature: inspect.Signature,
        hints: Mapping[str, Any],
        *,
        ignore: Collection[str] = (),
        what: str,
    ) -> "Template":
        """The key template of a function with `signature` and resolved type `hints`.

        `what` names the function in errors. Raises KeyTemplateError for bad syntax, an
        unknown argument, one in neither key nor `ignore`, and one whose declared type
        has no stable form.
        """
        made = cls._parse(template, signature, hints, what, _Role.KEY)
        _check_complete(made.fields, signature, hints, ignore, what)
        return made

    @classmethod
    def parse_tag(
        cls, template: str, signature: inspect.Signature, hints: Mapping[str, Any], *, what: str
    ) -> "Template":
        """A tag template, which may name some of the arguments or none.

        Raises KeyTemplateError as `parse` does, and for types whose text in an f-string
        is not their value's.
        """
        return cls._parse(template, signature, hints, what, _Role.TAG)

    @classmethod
    def derive(
        cls,
        name: str,
        signature: inspect.Signature,
        hints: Mapping[str, Any],
        *,
        ignore: Collection[str] = (),
        what: str,
    ) -> "Template":
        """The key template of a function that gives none: its dotted `name` and all arguments."""
        head = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-")
        named = [n for n in signature.parameters if n not in ignore and n not in ("self", "cls")]
        text = ":".join([head, *(f"{{{n}}}" for n in named)])
        return cls.parse(text, signature, hints, ignore=ignore, what=what)

    @classmethod
    def _parse(
        cls,
        template: str,
        signature: inspect.Signature,
        hints: Mapping[str, Any],
        what: str,
        role: _Role,
    ) -> "Template":
        if not template:
            raise KeyTemplateError(f"{what}: a {role.value} template must be a non-empty string")
        where = f"{what}: {role.value} template {template!r}"
        parts, tail = _split(template, where)
        for part in parts:
            _check_argument(part.name, signature, hints, where, role)
        if role is _Role.KEY:
            _check_apart(parts, where)
        return cls(
            text=template,
            what=what,
            fields=tuple(dict.fromkeys(p.name for p in parts)),
            required=tuple(dict.fromkeys(p.name for p in parts if p.is_required)),
            _parts=parts,
            _tail=tail,
            _vanishing=_count_vanishing(parts, tail),
            _encode=encode_part if role is _Role.KEY else tag_part,
        )

    def render(self, arguments: Mapping[str, object]) -> str:
        """The key or tag for `arguments` (every parameter by name, defaults applied).

        Raises KeyArgumentError, naming the argument, for a value without a stable form and
        for a required one that is missing.
        """
        if self.required and (name := self.missing(arguments)) is not None:
            raise KeyArgumentError(f"{self.what}: argument {name!r} is missing, so there is no key")
        parts = self._parts
        end = len(parts)
        for _ in range(self._vanishing):
            if arguments[parts[end - 1].name] is not None:
                break
            end -= 1
        text = ""
        for part in parts[:end]:
            try:
                text += part.before + self._encode(arguments[part.name])
            except KeyArgumentError as error:
                raise KeyArgumentError(f"{self.what}: argument {part.name!r}: {error}") from None
        if end < len(parts):
            return text + parts[end].before.removesuffix(":")
        return text + self._tail

    def missing(self, arguments: Mapping[str, object]) -> str | None:
        """The first required argument that is None or empty text, or None."""
        return next((name for name in self.required if arguments[name] in _MISSING), None)

    def pattern(self) -> Glob:
        """The glob that every key of this template matches."""
        kept = self._parts[: len(self._parts) - self._vanishing]
        text = "".join(f"{part.before}*" for part in kept)
        if self._vanishing:
            text += self._parts[len(kept)].before.removesuffix(":") + "*"
        return Glob(re.sub(r"[*]+", "*", text + self._tail))


def _split(template: str, where: str) -> tuple[tuple[_Part, ...], str]:
    pieces = _PLACEHOLDER.split(template)
    literals, placeholders = pieces[::2], pieces[1::2]
    for literal in literals:
        bad = _BAD_LITERAL.search(literal)
        if bad is not None:
            raise KeyTemplateError(
                f"{where} contains {bad[0]!r} outside a placeholder; use letters, digits and "
                "punctuation other than % ~ * ? [ ] { } and backslash"
            )
    parts = []
    for before, inner in zip(literals, placeholders, strict=False):
        found = _NAME.fullmatch(inner)
        if found is None:
            raise KeyTemplateError(
                f"{where}: {{{inner}}} is not a placeholder; write {{name}}, or {{name?}} for a "
                "last part that may be None, {name!} for one that must not be (no attributes, "
                "conversions or formats)"
            )
        parts.append(_Part(before, found[1], found[2] == "?", found[2] == "!"))
    return tuple(parts), literals[-1]


def _check_argument(
    name: str, signature: inspect.Signature, hints: Mapping[str, Any], where: str, role: _Role
) -> None:
    parameter = signature.parameters.get(name)
    if parameter is None:
        known = ", ".join(signature.parameters) or "none"
        raise KeyTemplateError(f"{where} names {name!r}, which is no argument (there are: {known})")
    if parameter.kind is parameter.VAR_KEYWORD:
        raise KeyTemplateError(
            f"{where} names **{name}, whose names are open; declare the arguments one by one"
        )
    if role is _Role.TAG and parameter.kind is parameter.VAR_POSITIONAL:
        raise KeyTemplateError(f"{where} names *{name}: a tag takes one value; use fill.tag()")
    why = why_unstable(hints.get(name, Any), for_tag=role is _Role.TAG)
    if why is not None:
        raise KeyTemplateError(f"{where}: argument {name!r} {why}")


def _check_apart(parts: tuple[_Part, ...], where: str) -> None:
    for left, right in pairwise(parts):
        if not _SEPARATOR.search(right.before):
            raise KeyTemplateError(
                f"{where}: put a colon between {{{left.name}}} and {{{right.name}}}, or "
                "different values could make the same key"
            )


def _check_complete(
    named: tuple[str, ...],
    signature: inspect.Signature,
    hints: Mapping[str, Any],
    ignore: Collection[str],
    what: str,
) -> None:
    if isinstance(ignore, str):
        raise KeyTemplateError(f"{what}: ignore={ignore!r} must be a list of argument names")
    for name in ignore:
        if name not in signature.parameters:
            raise KeyTemplateError(f"{what}: ignore= names {name!r}, which is no argument")
        if name in named:
            raise KeyTemplateError(f"{what}: argument {name!r} is both in the key and in ignore=")
    for position, (name, parameter) in enumerate(signature.parameters.items()):
        if name in named or name in ignore:
            continue
        if position == 0 and name in ("self", "cls"):
            raise KeyTemplateError(
                f"{what}: {name!r} is in neither key nor ignore=; decorate the bound method "
                f"(self.f = cache(...)(self._f)), or write ignore=[{name!r}] if every instance "
                "gives the same answers"
            )
        if parameter.kind is parameter.VAR_KEYWORD:
            raise KeyTemplateError(
                f"{what}: **{name} cannot be part of a key; declare the arguments one by one, or "
                f"write ignore=[{name!r}] if the answer does not depend on them"
            )
        why = why_unstable(hints.get(name, Any), for_tag=False)
        if why is not None:
            raise KeyTemplateError(f"{what}: argument {name!r} {why}")
        raise KeyTemplateError(
            f"{what}: argument {name!r} is in neither key nor ignore=; add {{{name}}} to the key, "
            f"or write ignore=[{name!r}] if the answer does not depend on it"
        )


def _count_vanishing(parts: tuple[_Part, ...], tail: str) -> int:
    """How many parts, counted from the end, may be left out together with their colon.

    Only whole `:{name?}` parts at the very end, and not all there is: leaving out
    one in the middle would make two keys equal.
    """
    if tail:
        return 0
    count = 0
    for index in range(len(parts) - 1, -1, -1):
        part = parts[index]
        if not part.is_optional or not part.before.endswith(":"):
            break
        if count and parts[index + 1].before != ":":
            break
        if index == 0 and part.before == ":":
            break
        count += 1
    return count
