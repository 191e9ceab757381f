"""The headline, live in a terminal: what the cache gains, and what its loss does not cost."""
