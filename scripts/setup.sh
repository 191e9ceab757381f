#!/bin/sh
# Make .venv from the pins. Needs Python >= 3.11 and git; quick, and offline, when nothing changed.
set -eu
cd "$(dirname "$0")/.."

stamp=.venv/.keepwarm-setup
say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

wanted() {
    {
        pwd # scripts in .venv/bin hold this path: a moved checkout is a new one
        sha256sum requirements/build.txt requirements/dev.txt pyproject.toml \
            apps/gallery/pyproject.toml scripts/setup.sh
    } | sha256sum | cut -d ' ' -f 1
}

is_done() {
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$1" ] && [ -x .venv/bin/keepwarm ] &&
        .venv/bin/python -c '' 2>/dev/null
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    # A name can be on PATH and still not run (pyenv's shims): try each.
    for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        if is_new_enough "$name"; then
            "$name" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    return 1
}

can_make_venv() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

install_venv_module() {
    package="python$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    command -v apt-get >/dev/null ||
        fail "$1 has no venv and ensurepip modules; install your system's package for them ($package on Debian)"
    [ "$(id -u)" = 0 ] ||
        fail "$1 has no venv and ensurepip modules; run: sudo apt-get install $package"
    say "installing $package"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends "$package" >&2
    can_make_venv "$1" || fail "$package was installed, yet $1 still cannot make a venv"
}

make_venv() {
    python=$(find_python) || fail "no Python >= 3.11 found (looked for ${PYTHON:-python3, python3.11 .. python3.14}); install one or set PYTHON=/path/to/python"
    can_make_venv "$python" || install_venv_module "$python"
    say "making .venv with $python"
    rm -rf .venv
    "$python" -m venv .venv
}

is_usable() {
    is_new_enough .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1 &&
        [ "$(cat .venv/.keepwarm-path 2>/dev/null || pwd)" = "$(pwd)" ]
}

install_pins() {
    quiet_pip="--disable-pip-version-check --no-input --quiet"
    # shellcheck disable=SC2086 # the options are words
    .venv/bin/python -m pip install $quiet_pip --require-hashes --no-deps -r requirements/build.txt
    say "installing the pinned packages"
    # uv brings its own certificates; a network with an authority of its own needs the system's.
    authorities=${SSL_CERT_FILE:-${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}}
    if [ -r "$authorities" ]; then export UV_SYSTEM_CERTS=1 SSL_CERT_FILE="$authorities"; fi
    .venv/bin/uv pip install --python .venv/bin/python --quiet \
        --require-hashes --no-deps -r requirements/dev.txt ||
        {
            # pip knows this machine's mirrors, proxies and certificates; uv has its own idea of them.
            say "uv could not; trying pip, which is slower"
            # shellcheck disable=SC2086
            .venv/bin/python -m pip install $quiet_pip --require-hashes --no-deps -r requirements/dev.txt
        }
    .venv/bin/uv pip install --python .venv/bin/python --quiet --offline \
        --no-deps --no-build-isolation -e . -e apps/gallery
}

want=$(wanted)
if is_done "$want"; then exit 0; fi

# Two at once (an impatient second `make run`) take turns; the second finds all done.
if [ "${KEEPWARM_SETUP_LOCKED:-}" = "" ] && command -v flock >/dev/null; then
    mkdir -p .run
    export KEEPWARM_SETUP_LOCKED=1
    exec flock .run/setup.lock scripts/setup.sh
fi

is_usable || make_venv
rm -f "$stamp" # an interrupted set-up must not look finished
pwd >.venv/.keepwarm-path
install_pins
printf '%s\n' "$want" >"$stamp.new"
mv "$stamp.new" "$stamp"
say "done"
