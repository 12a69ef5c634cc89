#!/bin/sh
set -e

# No path below would be one of that root.
if [ -n "${DPKG_ROOT:-}" ]; then
    echo "greenhouse: cannot be installed with --force-script-chrootless" >&2
    exit 1
fi

while IFS='	' read -r path target; do
    if [ -d "$path.dpkg-backup" ] || { [ -d "$path" ] && [ ! -L "$path" ]; }; then
        dpkg-maintscript-helper dir_to_symlink "$path" "$target" -- "$@" </dev/null
    fi
done <<'END_OF_LINKS'
/opt/greenhouse/bin/green house	../lib/main.py
END_OF_LINKS

if [ -d /opt/greenhouse ]; then
    find /opt/greenhouse -type l -name '*.dpkg-backup' | while IFS= read -r path; do
        target=$(readlink "$path")
        path=${path%.dpkg-backup}
        dpkg-maintscript-helper symlink_to_dir "$path" "$target" -- "$@" </dev/null
    done
fi

if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
fi

if [ "$1" = remove ]; then
    hook=$(mktemp)
    trap 'rm -f "$hook"' EXIT
    cat >"$hook" <<'END_OF_HOOK'
#!/bin/sh
echo "after it went"
END_OF_HOOK
    chmod 700 "$hook"
    cd /
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
        timeout --kill-after=10 60 "$hook" </dev/null
fi

if [ "$1" = purge ] && command -v deb-systemd-helper >/dev/null; then
    deb-systemd-helper purge 'greenhouse-c\x2b\x2b.service' greenhouse.service greenhouse-vents.service >/dev/null || true
fi

if [ "$1" = purge ] && [ -d /opt/greenhouse ]; then
    rm -rf /opt/greenhouse/var/log /opt/greenhouse/etc/device.env
    find /opt/greenhouse -depth -type d -name __pycache__ -exec rm -rf {} +
    find /opt/greenhouse -depth -type d -empty -delete
fi

exit 0
