"""Chance for jitter and early renewal.

Not the module `random` itself: an app that seeded it has a right to its course, which calls
of ours, from threads of ours even, would change.
"""

import os
from random import Random

DICE = Random()
os.register_at_fork(after_in_child=DICE.seed)  # else all children would jump together
