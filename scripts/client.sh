#!/bin/sh
# Build web/live into src/keepwarm/live/client.js, one ES module, unless that is newer than its sources.
set -eu
cd "$(dirname "$0")/.."
built=src/keepwarm/live/client.js
if [ -f "$built" ] && [ -z "$(find web/live/src web/live/package.json web/live/vite.config.ts web/package-lock.json -newer "$built" | head -n 1)" ]; then
    exit 0
fi
scripts/web.sh npm run --silent build --workspace live >&2
cp web/live/dist/index.js "$built.new"
mv "$built.new" "$built"
