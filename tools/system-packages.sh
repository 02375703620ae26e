#!/bin/sh
# Each argument is package:command. Installs what is missing when run as root on a
# Debian system; otherwise says what to install and stops.
set -eu
missing=""
for pair in "$@"; do
  command -v "${pair#*:}" >/dev/null 2>&1 || missing="$missing ${pair%%:*}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
  echo "The tests need system packages that are not installed:$missing" >&2
  echo "Install them (on Debian: sudo apt-get install$missing) and run this again." >&2
  exit 1
fi
