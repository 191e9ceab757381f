"""What the layers for browsers need of a cache: what is announced, and how old an answer is.

How to think of it: a browser is told positions. A response says up to which position its
value has seen every change; a message says up to which position something has changed. So
a response may claim a position only if that is proven, and should claim the latest that is:
else, after a gap, everything cached would look out of date for as long as it lives.
"""

from dataclasses import dataclass

from keepwarm.core.heard import Heard
from keepwarm.core.outcome import Outcome
from keepwarm.core.steps import Away, ReadPatterns, ReadShared
from keepwarm.engine.answers import boot_s
from keepwarm.engine.cache import BaseCache
from keepwarm.engine.tokens import key_of
from keepwarm.errors import ConfigurationError

SHORTEST_SECRET = 16


@dataclass(frozen=True, slots=True)
class Place:
    """A position of an epoch; no epoch: nobody has said a word yet."""

    epoch: str = ""
    position: int = 0


class Hearing:
    """Of one cache, on its event loop."""

    def __init__(self, cache: BaseCache) -> None:
        self._cache = cache
        self._parts = cache._wiring.parts

    @property
    def namespace(self) -> str:
        return self._cache.namespace

    def key(self, purpose: bytes, secret: bytes | str | None) -> bytes:
        """A key that every process of the namespace has: of `secret`, or of the cache's first.

        Raises ConfigurationError where there is neither, and other processes.
        """
        if secret is not None:
            if len(secret) < SHORTEST_SECRET:
                raise ConfigurationError(f"secret must have at least {SHORTEST_SECRET} characters")
            return key_of(secret.encode() if isinstance(secret, str) else secret, purpose)
        if self._parts.local is None and not self._cache.tokens.are_shared:
            raise ConfigurationError(
                "browsers are told of changes under names that all processes must agree on: "
                "give secret=, or give the cache secrets= (CACHE_SECRETS)"
            )
        return self._cache.tokens.key(purpose)

    @property
    def heard(self) -> Heard:
        """What is announced, from the connection of the running loop."""
        return self._cache._running().heard

    @property
    def here(self) -> Place:
        """Everything up to it has been heard."""
        heard = self.heard
        return Place(heard.epoch, heard.position)

    def vouched(self, outcome: Outcome, began: Place) -> Place:
        """Up to where the value of a call has seen every change, as far as is proven now.

        `began` is where we were before the call. Call it late: a value whose stamps are the
        present ones is as good as one that is read at this moment.

            1. the value is read, its stamps compared        2. its tag is invalidated
            3. the response begins: the stamps differ, so it claims where it was read
        """
        here = self.here  # before anything is compared with what was heard up to there
        if not outcome.epoch:
            # Made during the call, without a token: by a writer's leave, or while the store
            # was away. One less, as a mark that lapses is told at a position already reached.
            return Place(began.epoch, max(0, began.position - 1))
        is_later = outcome.epoch == here.epoch and here.position > outcome.as_of
        if is_later and self._is_current(outcome):
            return here
        return Place(outcome.epoch, outcome.as_of)

    def _is_current(self, outcome: Outcome) -> bool:
        """Whether nothing the value depends on has changed, by what is known without asking."""
        if outcome.stamps is None or self._parts.guard.debt:
            return False
        answers = self._cache._running().answers
        watch = self._parts.local if self._parts.local is not None else answers.mirror()
        if watch is None:
            return False
        seen = watch.seen([stamp[0] for stamp in outcome.stamps], boot_s())
        if seen is None or seen.epoch is None or seen.epoch.nonce != outcome.epoch:
            return False
        for name, nonce, soft in outcome.stamps:
            stamp = seen.stamps[name]
            if stamp is None or stamp.nonce != nonce or stamp.soft != soft:
                return False
        if outcome.position >= seen.epoch.pattern_position:
            return True
        local = self._parts.local
        patterns = (
            local.answer(ReadPatterns(seen.epoch))
            if local is not None
            else answers.known_patterns(seen.epoch)
        )
        if patterns is None or isinstance(patterns, Away):
            return False
        return not patterns.kill_any(outcome.keys, outcome.position, seen.epoch)

    async def connect(self) -> None:
        """See to a connection: who only listens would never ask for one. Never raises for it."""
        await self._cache._ask_ping()

    async def is_inside(self, writer: str, stamps: tuple[str, ...]) -> bool:
        """Whether a writer's mark is still in one of `stamps`; True too if nobody can say."""
        seen = await self._cache._running().ask_shared(ReadShared((), stamps))
        if seen is None:
            return True
        found = (seen.stamps.get(name) for name in stamps)
        return any(f"{writer}@" in stamp.writers for stamp in found if stamp is not None)
