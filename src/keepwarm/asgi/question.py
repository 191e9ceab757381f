"""What the app is asked about what is stored, beside what the client asks it."""

from collections.abc import Sequence

from keepwarm.asgi.answering import missing
from keepwarm.asgi.asked import Asked
from keepwarm.asgi.judging import Came
from keepwarm.asgi.record import Record
from keepwarm.rfc9111.conditionals import is_strong
from keepwarm.rfc9111.fields import Field, first, without
from keepwarm.rfc9111.ranges import may_combine
from keepwarm.rfc9111.validating import CONDITIONS, conditions, confirms


class Question:
    """One run's. `base` is the stored response it is about, if it is about one.

    `others` are variants that the request does not select: the origin may say that one of
    them is what it would send. `is_declared`: of this route all answers are stored, so the
    client's conditions and ranges are for us to answer.
    """

    def __init__(
        self, asked: Asked, base: Record | None, others: Sequence[Record], *, is_declared: bool
    ) -> None:
        self._base = base
        self._others = others if base is None else ()
        self._completes = False
        self.is_ours = is_declared or base is not None or bool(self._others)
        """Whether the client's own conditions and range are answered by us."""
        self.fields = (
            without(asked.fields, CONDITIONS | {b"range"}) if self.is_ours else asked.fields
        )
        own = self._own(asked)
        self._asks = bool(own) and not self._completes
        self.fields = [*self.fields, *own]

    def _own(self, asked: Asked) -> list[Field]:
        """The fields that are our question."""
        base = self._base
        if base is None:
            tags = dict.fromkeys(first(other.fields, b"etag") or b"" for other in self._others)
            return [(b"if-none-match", b", ".join(tags))] if tags else []
        if base.part is None:
            # Never with a tag that the origin did not give; a HEAD tells enough by itself.
            return conditions(own_fields(base)) if asked.method != "HEAD" else []
        gap, etag = missing(base.part), first(base.fields, b"etag")
        if gap is None or etag is None or not is_strong(etag):
            return []
        self._completes = True
        last = "" if gap.first else gap.last
        return [(b"range", f"bytes={gap.first}-{last}".encode()), (b"if-range", etag)]

    def is_answered(self, came: Came) -> bool:
        """Whether a response is a 304 to our question, and not to the client's."""
        return self._asks and came.status == 304

    def confirmed(self, came: Came) -> Record | None:
        """The stored response that a 304 is about; None if it is about nothing of ours."""
        if self._base is not None:
            return self._base if confirms(own_fields(self._base), came.fields) else None
        etag = first(came.fields, b"etag")
        if etag is None:
            return self._others[0] if len(self._others) == 1 else None
        same = (o for o in self._others if confirms(own_fields(o), [(b"etag", etag)]))
        return next(same, None)

    def is_missed(self, came: Came) -> bool:
        """Whether a response is about a part that we asked for, and not of use to anybody."""
        return self._completes and came.status in (206, 416)

    def is_completed(self, came: Came) -> bool:
        """Whether a 206 is the part that is missing of the stored one."""
        base, part = self._base, came.part
        if not self._completes or base is None or base.part is None or part is None:
            return False
        return (
            missing(base.part) == part.span
            and part.size == base.part.size
            and may_combine(base.fields, came.fields)
        )


def own_fields(base: Record) -> list[Field]:
    """What the origin said of a response, and its length; without a tag that we made."""
    return base.fields if base.head.has_own_etag else without(base.fields, {b"etag"})
