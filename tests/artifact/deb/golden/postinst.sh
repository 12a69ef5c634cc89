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

if [ "$1" = configure ]; then
    action=install
    [ -z "$2" ] || action=upgrade
    cd /opt/greenhouse
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
        timeout --kill-after=10 60 /opt/greenhouse/.provisioning/hooks/post_install </dev/null
fi

case "$1" in configure | abort-upgrade | abort-deconfigure | abort-remove)
    deb-systemd-helper unmask 'greenhouse-c\x2b\x2b.service' >/dev/null || true
    # Whoever has disabled it wants it to stay so.
    if deb-systemd-helper --quiet was-enabled 'greenhouse-c\x2b\x2b.service'; then
        deb-systemd-helper enable 'greenhouse-c\x2b\x2b.service' >/dev/null || true
    else
        deb-systemd-helper update-state 'greenhouse-c\x2b\x2b.service' >/dev/null || true
    fi
    ;;
esac

case "$1" in configure | abort-upgrade | abort-deconfigure | abort-remove)
    deb-systemd-helper unmask greenhouse.service >/dev/null || true
    # Whoever has disabled it wants it to stay so.
    if deb-systemd-helper --quiet was-enabled greenhouse.service; then
        deb-systemd-helper enable greenhouse.service >/dev/null || true
    else
        deb-systemd-helper update-state greenhouse.service >/dev/null || true
    fi
    ;;
esac

case "$1" in configure | abort-upgrade | abort-deconfigure | abort-remove)
    deb-systemd-helper unmask greenhouse-vents.service >/dev/null || true
    # Whoever has disabled it wants it to stay so.
    if deb-systemd-helper --quiet was-enabled greenhouse-vents.service; then
        deb-systemd-helper enable greenhouse-vents.service >/dev/null || true
    else
        deb-systemd-helper update-state greenhouse-vents.service >/dev/null || true
    fi
    ;;
esac

case "$1" in configure | abort-upgrade | abort-deconfigure | abort-remove)
    if [ -d /run/systemd/system ]; then
        systemctl --system daemon-reload >/dev/null || true
        action=start
        [ -z "$2" ] || action=restart
        deb-systemd-invoke "$action" 'greenhouse-c\x2b\x2b.service' greenhouse.service greenhouse-vents.service >/dev/null || true
    fi
    ;;
esac

exit 0
