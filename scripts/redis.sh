#!/bin/sh
# Make sure that a redis-server >= 7 is on PATH: the long matrices run against it beside Valkey.
set -eu

is_there() {
    version=$(redis-server --version 2>/dev/null | sed -n 's/.*v=\([0-9]*\)\..*/\1/p')
    [ "${version:-0}" -ge 7 ]
}

is_there && exit 0
if [ ! -x /usr/bin/apt-get ] || [ "$(id -u)" != 0 ]; then
    echo "redis-server >= 7 is needed on PATH; on Debian: sudo apt-get install redis-server" >&2
    exit 1
fi
# RUNLEVEL=1 keeps the package from starting a service of its own on port 6379.
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -qq >/dev/null
apt-get install -y -qq --no-install-recommends redis-server >/dev/null
is_there
