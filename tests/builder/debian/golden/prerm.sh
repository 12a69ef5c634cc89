#!/bin/sh
set -e

# No path below would be one of that root.
if [ -n "${DPKG_ROOT:-}" ]; then
    echo "greenhouse: cannot be installed with --force-script-chrootless" >&2
    exit 1
fi

if [ "$1" = remove ]; then
    hook= cache=
    trap 'rm -rf "$hook" "$cache"' EXIT
    cache=$(mktemp -d)
    cd /opt/greenhouse
    env -i \
        PROVISIONING_NAME=greenhouse \
        PROVISIONING_VERSION=1.4.2 \
        PROVISIONING_PLATFORM=raspberry-pi \
        PROVISIONING_PREFIX=/opt/greenhouse \
        PROVISIONING_RELEASE=/opt/greenhouse \
        PROVISIONING_OLD_VERSION=1.4.2 \
        PROVISIONING_ACTION=remove \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LC_ALL=C.UTF-8 \
        PYTHONPYCACHEPREFIX="$cache" \
        timeout --kill-after=10 60 /opt/greenhouse/.provisioning/hooks/pre_remove </dev/null
fi

if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    deb-systemd-invoke stop 'greenhouse-c\x2b\x2b.service' greenhouse.service greenhouse-vents.service >/dev/null || true
fi

dpkg-query --listfiles greenhouse | sed -n 's,\.py$,,p' |
    while IFS= read -r path; do
        cache=${path%/*}/__pycache__
        set -- "$path".pyc "$path".pyc.[0-9]*
        [ -L "$cache" ] || set -- "$@" "$cache/${path##*/}".*.pyc*
        for file; do
            [ ! -f "$file" ] || printf '%s\0' "$file"
        done
    done | xargs -0 -r rm -f || true
dpkg-query --listfiles greenhouse | sed -n 's,/[^/]*\.py$,/__pycache__,p' |
    while IFS= read -r path; do
        [ ! -d "$path" ] || [ -L "$path" ] || rmdir --ignore-fail-on-non-empty "$path" || true
    done

exit 0
