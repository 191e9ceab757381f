#!/bin/sh
# Make .run/peers: the pinned packages of development and the libraries that benchmarks compare with.
set -eu
cd "$(dirname "$0")/.."
stamp=.run/peers/.done
want=$(sha256sum requirements/dev.txt requirements/peers.txt scripts/peers.sh | sha256sum | cut -d ' ' -f 1)
if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then exit 0; fi
echo "peers: installing the libraries to compare with" >&2
rm -rf .run/peers
.venv/bin/python -m venv .run/peers
authorities=${SSL_CERT_FILE:-${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}}
if [ -r "$authorities" ]; then export UV_SYSTEM_CERTS=1 SSL_CERT_FILE="$authorities"; fi
.venv/bin/uv pip install --python .run/peers/bin/python --quiet --require-hashes --no-deps \
    -r requirements/dev.txt ||
    .run/peers/bin/python -m pip install --quiet --require-hashes --no-deps -r requirements/dev.txt
.venv/bin/uv pip install --python .run/peers/bin/python --quiet --require-hashes --no-deps \
    -r requirements/peers.txt ||
    .run/peers/bin/python -m pip install --quiet --require-hashes --no-deps -r requirements/peers.txt
.venv/bin/uv pip install --python .run/peers/bin/python --quiet --offline --no-deps \
    --no-build-isolation -e . -e apps/gallery
printf '%s\n' "$want" >"$stamp"
