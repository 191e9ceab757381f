"""What a decorated function is to the cache: its key, tags, policy, codec and origin."""

import inspect
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from keepwarm.core.keys import Template
from keepwarm.core.policy import Policy
from keepwarm.core.steps import Subject
from keepwarm.engine.call import Call, Subjects
from keepwarm.engine.plans import Plans
from keepwarm.engine.quick import is_quick
from keepwarm.errors import ConfigurationError
from keepwarm.ports import Codec
from keepwarm.stores.codecs import codec_for
from keepwarm.stores.immutable import is_immutable


@dataclass(frozen=True, slots=True)
class Declared:
    """The arguments of the decorator."""

    policy: str | Policy
    key: str | None = None
    tags: tuple[str, ...] = ()
    none: str | None = None
    ignore: tuple[str, ...] = ()
    when: Callable[..., bool] | None = None


class Spec:
    """A function and everything derived from its declaration, checked once.

    Raises KeyTemplateError or ConfigurationError where the declaration cannot work.
    """

    def __init__(
        self, function: Callable[..., Any], declared: Declared, plans: Plans, *, is_batch: bool
    ) -> None:
        self.function = function
        self.declared = declared
        self.plans = plans
        self.what = f"{function.__module__}.{function.__qualname__}"
        self.policy_name, self.policy = plans.policy(declared.policy)
        if declared.none is not None:
            plans.policy(declared.none)
        self.signature = inspect.signature(function)
        hints = _hints(function, self.what)
        self.items = self.item = ""
        signature = self.signature
        if is_batch:
            templates = (declared.key or "", *declared.tags)
            self.items, self.item, signature, hints = _of_one(
                self.signature, hints, templates, self.what
            )
        template = declared.key
        self.template = (
            Template.parse(template, signature, hints, ignore=declared.ignore, what=self.what)
            if template is not None
            else Template.derive(
                self.what, signature, hints, ignore=declared.ignore, what=self.what
            )
        )
        self.tags = tuple(
            Template.parse_tag(tag, signature, hints, what=self.what) for tag in declared.tags
        )
        returned: Any = hints.get("return")
        if "return" not in hints:
            raise ConfigurationError(
                f"{self.what}: annotate what it returns, so that stored bytes are only ever "
                "decoded into that type"
            )
        # One schema for `T` and `T | None`: a function and its batch share entries.
        self.codec: Codec = codec_for(returned if _has_none(returned) else returned | None)
        self.is_shareable = is_immutable(returned)
        """Whether callers may be handed one and the same value."""
        self.is_quick = declared.when is None and is_quick(signature)
        self._names = tuple(self.signature.parameters)
        self._is_plain = all(
            p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
            for p in self.signature.parameters.values()
        )

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Every parameter by name, defaults applied."""
        if self._is_plain and not kwargs and len(args) == len(self._names):
            return dict(zip(self._names, args, strict=True))
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    def logical(self, arguments: Mapping[str, Any]) -> str:
        return self.template.render(arguments)

    def subject(self, arguments: Mapping[str, Any]) -> Subject:
        """What a call with these arguments is about."""
        return self.plans.subject_of(
            self.logical(arguments),
            self.codec,
            self.policy_name,
            self.policy,
            tuple(tag.render(arguments) for tag in self.tags),
        )

    def call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
        function = self.function

        def origin(subjects: Subjects) -> Any:
            value = function(*args, **kwargs)
            name = subjects[0].name
            return _named(name, value) if inspect.isawaitable(value) else {name: value}

        return self._call(origin)

    def batch(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[dict[str, Any], tuple[Subject, ...], Call]:
        """The items by physical name, their subjects, and the call that asks for some of them."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        arguments = dict(bound.arguments)
        items: Sequence[Any] = list(dict.fromkeys(arguments.pop(self.items)))
        by_name: dict[str, Any] = {}
        subjects: list[Subject] = []
        for item in items:
            subject = self.subject(arguments | {self.item: item})
            if subject.name not in by_name:
                by_name[subject.name] = item
                subjects.append(subject)
        function, items_name = self.function, self.items

        def origin(wanted: Subjects) -> Any:
            asked = {s.name: by_name[s.name] for s in wanted}
            bound.arguments[items_name] = list(asked.values())
            found = function(*bound.args, **bound.kwargs)
            if inspect.isawaitable(found):
                return _picked(asked, found, self.declared.none is not None)
            return _pick(asked, found, self.declared.none is not None)

        return by_name, tuple(subjects), self._call(origin)

    def _call(self, origin: Any) -> Call:
        return Call(self.codec, self.plans.policies, origin, self.declared.none, self.what)

    def lacks_part(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
        """Whether an argument that the key requires, `{tenant!}`, is missing: fail closed."""
        template = self.template
        return bool(template.required) and template.missing(self.bind(args, kwargs)) is not None

    def is_on(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
        """What `when=` says of a call with these arguments."""
        return self.declared.when is None or bool(self.declared.when(*args, **kwargs))


async def _named(name: str, value: Awaitable[Any]) -> dict[str, Any]:
    return {name: await value}


def _pick(asked: Mapping[str, Any], found: Mapping[Any, Any], none: bool) -> dict[str, Any]:
    """What the batch found, by name; what it did not is None where that is cached too."""
    if none:
        return {name: found.get(item) for name, item in asked.items()}
    return {name: found[item] for name, item in asked.items() if item in found}


async def _picked(asked: Mapping[str, Any], found: Awaitable[Any], none: bool) -> dict[str, Any]:
    return _pick(asked, await found, none)


def _hints(function: Callable[..., Any], what: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ConfigurationError(
            f"{what}: the annotation {error.name!r} cannot be resolved; import it at run time, "
            "not only under TYPE_CHECKING"
        ) from error


def _has_none(hint: Any) -> bool:
    return hint is None or hint is type(None) or type(None) in get_args(hint)


def _of_one(
    signature: inspect.Signature,
    hints: Mapping[str, Any],
    templates: Iterable[str],
    what: str,
) -> tuple[str, str, inspect.Signature, dict[str, Any]]:
    """A batch function's signature and hints as those of a function of one item.

    The batch takes a list of items (its first list parameter) and returns a dict from
    item to value. Templates may call the item as the parameter (`character_ids`) or
    without the plural's s (`character_id`), as the function for one does.
    """
    returned = hints.get("return")
    if get_origin(returned) not in (dict, Mapping) or len(get_args(returned)) != 2:
        raise ConfigurationError(f"{what}: a batch returns dict[item, value], not {returned}")
    for name, parameter in signature.parameters.items():
        hint = hints.get(name)
        if get_origin(hint) not in (list, tuple, set, frozenset, Iterable, Sequence):
            continue
        is_plural = name.endswith("s") and not any("{" + name in t for t in templates)
        one, kind = name[:-1] if is_plural else name, get_args(hint)[0]
        of_one = {n: h for n, h in hints.items() if n != name}
        of_one |= {one: kind, "return": get_args(returned)[1]}
        parameters = [
            parameter.replace(name=one, annotation=kind) if p is parameter else p
            for p in signature.parameters.values()
        ]
        return name, one, signature.replace(parameters=parameters), of_one
    raise ConfigurationError(f"{what}: a batch takes a list of items: annotate it as list[...]")
