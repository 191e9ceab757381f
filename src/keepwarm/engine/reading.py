"""`reading(...)`: a fenced set by hand, as a block around the caller's own read."""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from keepwarm.core.outcome import Reason
from keepwarm.core.stamps import Token
from keepwarm.core.steps import Filled, Subject
from keepwarm.engine.call import Call, Plan
from keepwarm.engine.context import Entered, RunningFill, enter_block, leave_block
from keepwarm.ports import Codec

T = TypeVar("T")


class AsyncRunner(Protocol):
    """What a block needs of the async cache."""

    enabled: bool

    async def do(self, plan: Plan[T]) -> T: ...


class BlockingRunner(Protocol):
    """What a block needs of the blocking cache."""

    @property
    def enabled(self) -> bool: ...

    def do(self, plan: Plan[T]) -> T: ...


@dataclass(frozen=True, slots=True)
class Block:
    """What a block is about, and its two plans."""

    subject: Subject
    codec: Codec
    begin: Callable[[], Plan[Token | None]]
    end: Callable[[Token | None, Any, RunningFill], Plan[Filled]]
    call: Call


_NOTHING = object()


class _Reading:
    """The value that a block has read, and what became of it.

    Like a fill: cached values used inside, and `fill.tag(...)`, make the stored value
    depend on them, too. `is_stored` and `reason` say afterwards whether it was stored.
    """

    def __init__(self, block: Block) -> None:
        self._block = block
        self._token: Token | None = None
        self._value: Any = _NOTHING
        self._fill = RunningFill()
        self._context: Entered | None = None
        self.is_stored = False
        self.reason: Reason | None = None

    def set(self, value: Any) -> None:
        """Have `value` stored when the block ends without an error."""
        self._value = value

    def tag(self, *tags: str) -> None:
        """Make the value depend on `tags`, known only now."""
        self._fill.tags.extend(tags)

    def _begun(self, token: Token | None) -> None:
        self._token = token
        self._context = enter_block(self._fill)

    def _ended(self, error: BaseException | None) -> Plan[Filled] | None:
        if self._context is not None:
            leave_block(self._fill, self._context)
        if error is not None or self._value is _NOTHING:
            return None
        return self._block.end(self._token, self._value, self._fill)

    def _told(self, done: Filled) -> None:
        self.is_stored = done.stored is not None
        self.reason = done.reason


class AsyncReading(_Reading):
    """`async with cache.reading(key, *tags, policy=...) as r: r.set(await load())`."""

    def __init__(self, cache: AsyncRunner, block: Block) -> None:
        super().__init__(block)
        self._cache = cache

    async def __aenter__(self) -> Self:
        token = await self._cache.do(self._block.begin()) if self._cache.enabled else None
        self._begun(token)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        plan = self._ended(error)
        if plan is not None and self._cache.enabled:
            self._told(await self._cache.do(plan))


class BlockingReading(_Reading):
    """`with cache.reading(key, *tags, policy=...) as r: r.set(load())`."""

    def __init__(self, cache: BlockingRunner, block: Block) -> None:
        super().__init__(block)
        self._cache = cache

    def __enter__(self) -> Self:
        self._begun(self._cache.do(self._block.begin()) if self._cache.enabled else None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        plan = self._ended(error)
        if plan is not None and self._cache.enabled:
            self._told(self._cache.do(plan))
