#!/bin/sh
# Make sure that libfaketime is there: chaos steps the clock of a server with it.
set -eu

is_there() { ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1; }

is_there && exit 0
if [ ! -x /usr/bin/apt-get ] || [ "$(id -u)" != 0 ]; then
    echo "libfaketime is not here: without it the fault clock-server is not run" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null
apt-get install -y -qq --no-install-recommends faketime >/dev/null
is_there
