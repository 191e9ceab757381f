#!/bin/sh
# Install web/audit (axe-core, Lighthouse), then run a command there. Quick when nothing changed.
set -eu
cd "$(dirname "$0")/.."

scripts/web.sh
if [ -x .run/node/bin/node ]; then PATH=$(pwd)/.run/node/bin:$PATH; fi
cd web/audit
if ! cmp -s package-lock.json node_modules/.installed 2>/dev/null; then
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    cp package-lock.json node_modules/.installed
fi
[ $# -gt 0 ] || exit 0
exec "$@"
