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

while IFS='	' read -r path target; do
    if [ -d "$path.dpkg-backup" ] || { [ -d "$path" ] && [ ! -L "$path" ]; }; then
        # Else it would refuse for what Python has left there.
        find "$path" -depth -type d -name __pycache__ -exec rm -rf {} +
        dpkg-maintscript-helper dir_to_symlink "$path" "$target" -- "$@" </dev/null
    fi
done <<'END_OF_LINKS'
/opt/greenhouse/bin/green house	../lib/main.py
END_OF_LINKS

if [ "$1" = upgrade ]; then
    while IFS= read -r path; do
        # Not a link that somebody else has made there.
        if [ -L /opt/greenhouse/"$path" ] &&
            grep -qsF "\"path\":\"$path\",\"type\":\"link\"}" /opt/greenhouse/.provisioning/manifest.json; then
            path=/opt/greenhouse/"$path"
            dpkg-maintscript-helper symlink_to_dir "$path" "$(readlink "$path")" -- "$@" </dev/null
        fi
    done <<'END_OF_DIRECTORIES/'
bin
lib
var
var/log
END_OF_DIRECTORIES/
fi

exit 0
