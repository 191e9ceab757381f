"""Keeps a flood of made-up queries from pushing out what is asked for again and again."""

FREE_PER_PATH = 2_000  # different keys of one path that are stored the first time they come
MOST_PATHS = 10_000
_REMEMBERED = 50_000
_REGAINED = 20  # of its share, one part in so many each time as many were remembered anew


class Doorkeeper:
    """Once a path has had its share, a key of it is stored the second time it is asked for.

    10,000 different searches a minute are a flood or a crawler; the ones that people share
    come again.
    """

    def __init__(self, free: int = FREE_PER_PATH) -> None:
        self._free = free
        self._admitted: dict[str, int] = {}
        self._seen: set[int] = set()
        self._seen_before: set[int] = set()

    def admits(self, path: str, url: str, variant: str = "") -> bool:
        """`variant` is what tells entries of one URL apart: a user, unkeyed input, content."""
        if "?" not in url and not variant:
            return True
        mark = hash((url, variant))
        if mark in self._seen or mark in self._seen_before:
            return True
        if len(self._seen) >= _REMEMBERED:
            self._seen_before, self._seen = self._seen, set()
            # Slowly: half of the share at once would push a small cache's hot set out each time.
            regained = max(1, self._free // _REGAINED)
            self._admitted = {p: n - regained for p, n in self._admitted.items() if n > regained}
        self._seen.add(mark)
        count = self._admitted.get(path, 0)
        if count >= self._free:
            return False
        if len(self._admitted) >= MOST_PATHS:
            self._admitted.clear()
        self._admitted[path] = count + 1
        return True
