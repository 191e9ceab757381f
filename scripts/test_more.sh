#!/bin/sh
# The tests marked `more`, then the clean room. CLEAN_ROOM_TEST=no leaves its `make test` out.
set -eu
cd "$(dirname "$0")/.."

code=0
.venv/bin/python -m pytest -m "more and not soak" "$@" || code=$?
case $code in
0) ;;
5) echo "test-more: no test is marked \`more\`" ;;
*) exit "$code" ;;
esac
exec .venv/bin/python scripts/clean_room.py
