#!/bin/sh
# Compile the hashed pins: only what the package index serves, and no address in the result.
set -eu
cd "$(dirname "$0")/.."

# A machine's own wheels and mirrors must decide nothing that is committed.
unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL PIP_INDEX_URL UV_FIND_LINKS UV_INDEX UV_DEFAULT_INDEX UV_CONFIG_FILE

for name in build dev app peers node; do
    .venv/bin/uv --no-config pip compile "requirements/$name.in" \
        --output-file "requirements/$name.txt" --quiet \
        --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header \
        --no-emit-package keepwarm --no-emit-package keepwarm-gallery "$@"
    if grep -nE '//|^-e|^\.| @ ' "requirements/$name.txt"; then
        echo "requirements/$name.txt holds an address or a local path (above)" >&2
        exit 1
    fi
done
