#!/bin/sh
set -e

# No path below would be one of that root.
if [ -n "${DPKG_ROOT:-}" ]; then
    echo "greenhouse: cannot be installed with --force-script-chrootless" >&2
    exit 1
fi

if [ "$1" = install ] || [ "$1" = upgrade ]; then
    python3 -I - /opt/greenhouse/etc/device.env '{"BROKER": {"pattern": "", "secret": false, "summary": ""}, "PASSWORD": {"pattern": "", "secret": true, "summary": ""}}' <<'END_OF_PYTHON'
provisioning/artifact/device.py
END_OF_PYTHON
fi

if [ "$1" = install ] || [ "$1" = upgrade ]; then
    if ! getent passwd greenhouse >/dev/null; then
        getent group greenhouse >/dev/null || addgroup --quiet --system greenhouse
        adduser --quiet --system --ingroup greenhouse --no-create-home --home /nonexistent greenhouse
    fi
fi

if [ "$1" = upgrade ]; then
    for unit in $(dpkg-query --listfiles greenhouse 2>/dev/null |
        sed -n 's,^/usr/lib/systemd/system/,,p'); do
        case "$unit" in
            'greenhouse-c\x2b\x2b.service') ;;
            greenhouse.service) ;;
            greenhouse-vents.service) ;;
            *)
                if [ -d /run/systemd/system ]; then
                    deb-systemd-invoke stop "$unit" >/dev/null || true
                fi
                deb-systemd-helper purge "$unit" >/dev/null || true
                ;;
        esac
    done
fi

if [ "$1" = install ] || [ "$1" = upgrade ]; then
    hook=$(mktemp)
    trap 'rm -f "$hook"' EXIT
    cat >"$hook" <<'END_OF_HOOK'
#!/bin/sh
echo 'before it comes'
END_OF_HOOK
    chmod 700 "$hook"
    action=install
    [ -z "$2" ] || action=upgrade
    cd /
    env -i \
        PROVISIONING_NAME=greenhouse \
        PROVISIONING_VERSION=1.4.2 \
        PROVISIONING_PLATFORM=raspberry-pi \
        PROVISIONING_PREFIX=/opt/greenhouse \
        PROVISIONING_RELEASE=/opt/greenhouse \
        PROVISIONING_OLD_VERSION="$2" \
        PROVISIONING_ACTION="$action" \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LC_ALL=C.UTF-8 \
        timeout --kill-after=10 60 "$hook" </dev/null
fi

exit 0
