#!/bin/sh
# Build Gallery's front end into apps/gallery/src/gallery/built if it is missing or older than
# its sources. Quick, and without node, when nothing changed.
set -eu
cd "$(dirname "$0")/.."

stamp=apps/gallery/src/gallery/built/.built

wanted() {
    find web/gallery/src web/live/src web/gallery/vite.config.ts web/package-lock.json -type f |
        LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d ' ' -f 1
}

want=$(wanted)
if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then exit 0; fi
printf 'web: building the front end\n' >&2
scripts/web.sh npm run --silent build --workspace gallery >&2
printf '%s\n' "$want" >"$stamp"
