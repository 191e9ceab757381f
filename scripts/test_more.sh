#!/bin/sh
# The tests marked `more`, then the clean room. CLEAN_ROOM_TEST=no leaves its `make test` out.
# Browsers are driven one at a time; everything else may share the machine.
set -eu
cd "$(dirname "$0")/.."

BROWSERS="tests/live_browser apps/gallery/tests/browser"

run() {
    code=0
    .venv/bin/python -m pytest -m "more and not soak" "$@" || code=$?
    # 5: none of those asked for is marked so
    [ $code = 0 ] || [ $code = 5 ] || exit $code
}

if [ $# -gt 0 ]; then
    run "$@"
else
    ignored=""
    for folder in $BROWSERS; do ignored="$ignored --ignore=$folder"; done
    # shellcheck disable=SC2086 # words of their own
    run -n "${WORKERS:-2}" --dist loadfile $ignored
    # shellcheck disable=SC2086
    run $BROWSERS
fi
exec .venv/bin/python scripts/clean_room.py
