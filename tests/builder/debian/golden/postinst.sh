#!/bin/sh
set -e

# No path below would be one of that root.
if [ -n "${DPKG_ROOT:-}" ]; then
    echo "greenhouse: cannot be installed with --force-script-chrootless" >&2
    exit 1
fi

case "$1" in configure)
    (
package=greenhouse
root=/opt/greenhouse
begun=/opt/greenhouse/.provisioning/dpkg-begun
saved=/opt/greenhouse/.provisioning/dpkg-saved

exists() { [ -e "$1" ] || [ -L "$1" ]; }
say() { echo "$package: $1: $2"; }
# A name for what was edited, which nothing has yet; a purge will find it.
keep() {
    old=$1.dpkg-old
    while exists "$old"; do
        old=$old~
    done
    printf '%s\n' "$old" >>"$saved"
    mv -T "$2" "$old"
    say "$1" "edited, so kept as $old, where it has no effect"
}
is_stand_in() { [ -L "$1" ] && [ "$(readlink "$1")" = "${2##*/}" ]; }

# Both are called with a word, a path, and where that was moved to, if it was; and a link's target.
finish() {
    case "$1" in
        moved) rm -rf "$3" ;;
        turned)
            if [ ! -L "$2" ]; then
                rmdir "$2"
                ln -s -- "$4" "$2"
            fi
            rm -rf "$3"
            ;;
        saved)
            if exists "$3"; then
                keep "$2" "$3"
            fi
            ;;
        copied)
            if exists "$2"; then
                printf '%s\n' "$2" >>"$saved"
                say "${2%.dpkg-old}" "what was edited in it is kept in $2, where it has no effect"
            fi
            ;;
        kept | same) keep_or_not "$@" ;;
        gone)
            if is_stand_in "$2" "$3"; then
                rm "$2"
            fi
            rm -f "$2.dpkg-new"
            ;;
        taken)
            if [ -f "$2.dpkg-new" ]; then
                if exists "$3"; then  # rights that somebody has given it are kept
                    chown --reference="$3" "$2.dpkg-new"
                    chmod --reference="$3" "$2.dpkg-new"
                fi
                mv -T "$2.dpkg-new" "$2"
            fi
            rm -f "$3"
            ;;
        dropped)
            if [ -f "$2" ] && ! dpkg-query --search "$2" 2>/dev/null | grep -qv "^$package:"; then
                rm "$2"
            fi
            ;;
        idle) say "$2" "edited, so kept, but without effect: this version has no such file" ;;
    esac
}
# Whether dpkg, which has left a file alone, knows it from before.
is_old() {
    [ "$2" = "$1.dpkg-new" ] || return 1
    dpkg-query --show --showformat='${Conffiles}\n' "$package" |
        grep -qxF -e " $1 $(md5sum <"$2" | cut -d ' ' -f 1)"
}
keep_or_not() {
    new=
    if [ -f "$2.dpkg-new" ]; then
        new=$2.dpkg-new
    elif exists "$3" && [ -f "$2" ] && [ ! -L "$2" ]; then
        new=$2
    fi
    if [ "$new" ] && { [ "$1" = same ] || is_old "$2" "$new"; }; then
        rm "$new"
    elif [ "$new" ]; then
        mv -T "$new" "$2.dpkg-dist"
        printf '%s\n' "$2.dpkg-dist" >>"$saved"
        say "$2" "edited, so kept; the new version is in $2.dpkg-dist"
    fi
    if exists "$3"; then
        mv -T "$3" "$2"
    fi
}
undo() {
    if [ "$1" = copied ]; then
        rm -rf "$2"
        return
    elif is_stand_in "$2" "$3"; then
        rm "$2"
    elif [ "$1" = turned ] && [ -d "$2" ]; then
        rmdir "$2"
    fi
    if ! exists "$3"; then
        return
    elif ! exists "$2"; then
        mv -T "$3" "$2"
    elif [ "$1" = moved ] || [ "$1" = turned ]; then
        rm -rf "$3"
    else
        keep "$2" "$3"
    fi
}
# The new version goes before it was ever configured, and the old one does not come back.
leave() {
    case "$1" in
        saved | copied | moved) finish "$@" ;;
        turned)  # all that was in it was the old one's
            if [ ! -L "$2" ] && [ -d "$2" ]; then
                rmdir --ignore-fail-on-non-empty "$2"
            fi
            rm -rf "$3"
            ;;
        *) undo "$@" ;;
    esac
}
each() {
    [ -f "$begun" ] || return 0
    while IFS='	' read -r line aside link; do
        "$1" "${line%% *}" "${line#* }" "$aside" "$link"
    done <"$begun"
    rm "$begun"
}
each finish
    )
    ;;
esac

if [ "$1" = configure ]; then
    hook= cache=
    trap 'rm -rf "$hook" "$cache"' EXIT
    cache=$(mktemp -d)
    action=install
    [ -z "$2" ] || action=upgrade
    cd /opt/greenhouse
    env -i \
        PROVISIONING_NAME=greenhouse \
        PROVISIONING_VERSION=1.4.2 \
        PROVISIONING_PLATFORM=raspberry-pi \
        PROVISIONING_PREFIX=/opt/greenhouse \
        PROVISIONING_RELEASE=/opt/greenhouse \
        PROVISIONING_OLD_VERSION="${2%%-*}" \
        PROVISIONING_ACTION="$action" \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LC_ALL=C.UTF-8 \
        PYTHONPYCACHEPREFIX="$cache" \
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
    rm -rf /var/cache/provisioning/greenhouse
    ;;
esac

case "$1" in configure | abort-upgrade | abort-deconfigure | abort-remove)
    if command -v python3 >/dev/null; then
        dpkg-query --listfiles greenhouse 2>/dev/null | grep '\.py$' |
            timeout 600 python3 -I -S -W ignore - '' '' '' 3 3<&0 >/dev/null 2>&1 <<'END_OF_PYTHON' || true
provisioning/artifact/compiler.py
END_OF_PYTHON
    fi
    ;;
esac

# Whether somebody has stopped a unit: it has left its state before its process has ended.
was_stopped() {
    systemctl is-active --quiet "$1" && return 1
    left=$(systemctl show --property=ActiveExitTimestampMonotonic --value "$1")
    ended=$(systemctl show --property=ExecMainExitTimestampMonotonic --value "$1")
    [ "${left:-0}" -gt 0 ] && [ "${left:-0}" -lt "${ended:-0}" ]
}

case "$1" in configure | abort-upgrade | abort-deconfigure | abort-remove)
    if [ -d /run/systemd/system ]; then
        systemctl --system daemon-reload >/dev/null || true
        action=start
        [ -z "$2" ] || action=restart
        for unit in 'greenhouse-c\x2b\x2b.service' greenhouse.service greenhouse-vents.service; do
            if [ -z "$2" ] || ! was_stopped "$unit"; then
                deb-systemd-invoke "$action" "$unit" >/dev/null || true
            fi
        done
    fi
    ;;
esac

exit 0
