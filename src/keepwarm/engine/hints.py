"""Which stamps each key's entry carried when it was last seen: what to ask for next time."""

from collections import OrderedDict

from keepwarm.core.entry import Stored, names_of

KEPT = 50_000  # keys; forgetting one costs its next reader a second round trip


class Hints:
    """Bounded; a wrong hint costs a round trip, never a wrong answer."""

    def __init__(self) -> None:
        self._by_name: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self.get = self._by_name.get
        """The names last noted for a key, or None."""

    def note(self, name: str, stored: Stored) -> None:
        names = names_of(stored.terms)
        if self._by_name.get(name) != names:
            self._by_name[name] = names
            if len(self._by_name) > KEPT:
                self._by_name.popitem(last=False)
