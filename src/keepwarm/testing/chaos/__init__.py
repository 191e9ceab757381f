"""Chaos: real processes on a real server and a real database, under faults, and a judge.

`python -m keepwarm.testing.chaos --help`; docs/chaos.md tells how to read what it prints.
How to think of it: workers (`worker`) read rows through cached functions of many kinds
(`cached`), write them (`rows`) and invalidate, and log the start and end of every call
(`records`). Injectors (`injectors`) trouble them meanwhile. When all is over, the judge
(`checker`) decides from the logs alone whether every promise was kept.
"""
