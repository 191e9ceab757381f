#!/bin/sh
# Make sure that there is a Chromium: tests of what browsers do drive a real one.
set -eu

[ -x /usr/bin/chromium ] && exit 0
if [ ! -x /usr/bin/apt-get ] || [ "$(id -u)" != 0 ]; then
    echo "/usr/bin/chromium is needed; on Debian: sudo apt-get install chromium" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null
apt-get install -y -qq --no-install-recommends chromium >/dev/null
[ -x /usr/bin/chromium ]
