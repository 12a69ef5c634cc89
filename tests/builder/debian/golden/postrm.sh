#!/bin/sh
set -e

# No path below would be one of that root.
if [ -n "${DPKG_ROOT:-}" ]; then
    echo "greenhouse: cannot be installed with --force-script-chrootless" >&2
    exit 1
fi

case "$1" in abort-install | abort-upgrade)
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
each undo
    )
    ;;
esac

case "$1" in remove | disappear | purge)
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
each leave

if [ "$1" = purge ] && [ -f "$saved" ]; then
    while IFS= read -r path; do
        rm -rf "$path"
    done <"$saved"
    rm "$saved"
fi
    )
    ;;
esac

if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
fi

if [ "$1" = remove ]; then
    hook= cache=
    trap 'rm -rf "$hook" "$cache"' EXIT
    cache=$(mktemp -d)
    hook=$(mktemp)
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
        PYTHONPYCACHEPREFIX="$cache" \
        timeout --kill-after=10 60 "$hook" </dev/null
fi

if [ "$1" = purge ] && command -v deb-systemd-helper >/dev/null; then
    deb-systemd-helper purge 'greenhouse-c\x2b\x2b.service' greenhouse.service greenhouse-vents.service >/dev/null || true
fi

# Whether the version before has a directory, for data, or holds all that is in it.
is_own() {
    owned=$(dpkg-query --listfiles greenhouse 2>/dev/null) || return 1
    printf '%s\n' "$owned" | grep -qxF -e "$1" || return 1
    printf '%s\n' "$owned" | grep -qF -e "$1/" || return 0
    ! {
        find "$1" -name __pycache__ -prune -o ! -type d -print
        printf '%s\n' "$owned" "$owned"
    } | LC_ALL=C sort | LC_ALL=C uniq -u | grep -qF -e "$1/"
}
if { [ "$1" = abort-install ] || [ "$1" = abort-upgrade ]; } && [ -f /opt/greenhouse/.provisioning/dpkg-found ]; then
    while IFS= read -r path; do
        if is_own "$path"; then
            printf '%s\n' "$path"
        fi
    done </opt/greenhouse/.provisioning/dpkg-found >/opt/greenhouse/.provisioning/dpkg-found-new
    mv -T /opt/greenhouse/.provisioning/dpkg-found-new /opt/greenhouse/.provisioning/dpkg-found
    if [ ! -s /opt/greenhouse/.provisioning/dpkg-found ]; then
        rm /opt/greenhouse/.provisioning/dpkg-found
        rmdir --ignore-fail-on-non-empty /opt/greenhouse/.provisioning
    fi
fi

if [ "$1" = purge ] && [ -d /opt/greenhouse ]; then
    for path in /opt/greenhouse/var/log; do
        if grep -sqxF -e "$path" /opt/greenhouse/.provisioning/dpkg-found; then
            continue
        elif [ ! -L "$path" ] && mountpoint -q "$path"; then
            echo "greenhouse: $path: is a mount point; unmount it, and purge again" >&2
            exit 1
        fi
        rm -rf --one-file-system "$path"
    done
    rm -f /opt/greenhouse/etc/device.env
    rmdir /opt/greenhouse/etc 2>/dev/null || true
    for path in /opt/greenhouse/lib; do
        if ! ls "$path"/*.py >/dev/null 2>&1; then
            rm -rf --one-file-system "$path/__pycache__"
        fi
    done
    rm -f /opt/greenhouse/.provisioning/dpkg-found
fi

exit 0
