"""Every error keepwarm raises.

    KeepwarmError
    ├─ ConfigurationError          the caller's mistake, raised when it is declared
    │  ├─ PolicyError              a policy, duration or size that cannot be
    │  └─ KeyTemplateError         a key or tag template that does not fit its function
    ├─ KeyArgumentError            a call whose argument cannot become part of a key
    ├─ UnfencedSet                 a bare `set` or `put` on a cache with strict_set=True
    ├─ Overloaded                  no fill slot within the policy's hard timeout (HTTP: 503)
    ├─ FillTimeout                 the origin did not answer within the hard timeout (HTTP: 504)
    ├─ FillAbandoned               the fill was cancelled, as when the cache is closed (HTTP: 503)
    ├─ NotAcknowledged             an invalidation that could not be confirmed
    └─ WriteNotAnnounced           a write that could not be announced: nothing was written

A store that is away is not an error: reads and writes degrade, and say so in
their outcome. Only a promise that cannot be kept (an invalidation) raises.
"""


class KeepwarmError(Exception):
    """Base of all of them."""


class ConfigurationError(KeepwarmError, ValueError):
    """Something declared to keepwarm cannot work; raised at declaration."""


class PolicyError(ConfigurationError):
    """A policy, duration or size that cannot be."""


class KeyTemplateError(ConfigurationError):
    """A key or tag template that does not fit the function it is for."""


class KeyArgumentError(KeepwarmError, TypeError):
    """An argument that has no stable, unambiguous form in a key."""


class UnfencedSet(KeepwarmError, TypeError):
    """A bare `set` or `put`: nobody knows how old its value is, and strict_set forbids that."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__(
            f"a bare set of {len(keys)} key(s) is refused (strict_set=True): read the value inside "
            "`with cache.reading(key, *tags, policy=...) as r: r.set(...)`, or use get_or_set"
        )
        self.keys = keys


class Overloaded(KeepwarmError):
    """All fill slots were busy for the policy's whole hard timeout.

    `retry_after_s` is a sensible Retry-After for HTTP.
    """

    def __init__(self, policy: str, waited_s: float, retry_after_s: int = 1) -> None:
        super().__init__(
            f"no fill slot of policy {policy!r} came free within {waited_s:.1f} s; "
            "raise Policy.max_fills or shed load"
        )
        self.policy = policy
        self.retry_after_s = retry_after_s


class FillTimeout(KeepwarmError, TimeoutError):
    """The origin did not answer within the policy's hard timeout; the fill goes on."""

    def __init__(self, policy: str, waited_s: float) -> None:
        super().__init__(f"a fill of policy {policy!r} took longer than {waited_s:.1f} s")
        self.policy = policy


class NotAcknowledged(KeepwarmError):
    """An invalidation that could not be confirmed: presume it was not done.

    It goes on being retried while this process lives; until one try succeeds this
    process neither stores nor serves entries of these tags. `durable` says whether it
    also survives the process: it is in the cache's journal (`journal=`), on disk.
    """

    def __init__(
        self, what: tuple[str, ...], why: str, *, durable: bool = False, retried: bool = True
    ) -> None:
        then = "it is being retried while this process lives" if retried else "try it again"
        if durable:
            then = "it is in the journal and being retried, also by the next process"
        super().__init__(f"invalidation of {len(what)} name(s) was not confirmed ({why}); {then}")
        self.what = what
        self.why = why
        self.durable = durable


class WriteNotAnnounced(KeepwarmError):
    """A write that could not be announced, or whose announcement was lost: do not commit it.

    Raised before the commit, so that nothing was written; try the whole write again.
    """

    def __init__(self, what: tuple[str, ...], why: str) -> None:
        super().__init__(
            f"a write of {len(what)} name(s) could not be announced ({why}): "
            "nothing was committed; try it again"
        )
        self.what = what
        self.why = why


class FillAbandoned(KeepwarmError):
    """The origin call this caller waited for was cancelled, as when the cache was closed."""

    def __init__(self, policy: str) -> None:
        super().__init__(f"a fill of policy {policy!r} was cancelled before it finished")
