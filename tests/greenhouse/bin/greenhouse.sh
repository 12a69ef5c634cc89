#!/bin/sh
# Starts the greenhouse controller from wherever it is installed.
set -eu

# The real path: bin/greenhoused and a link from /usr/local/bin lead here too.
root=$(dirname "$(dirname "$(readlink -f "$0")")")

# `python3 -m` looks in the working directory first: let that be ours, not the caller's.
cd "$root/lib"

# exec: SIGTERM from systemd or launchd reaches Python itself.
# -B: byte code beside the sources would be files that no manifest lists.
exec python3 -B -m greenhouse
