#!/bin/sh
set -e

# No path below would be one of that root.
if [ -n "${DPKG_ROOT:-}" ]; then
    echo "greenhouse: cannot be installed with --force-script-chrootless" >&2
    exit 1
fi

# Which file of a place says that a unit has this name too, once it is enabled.
alias_in() {
    grep -ls '^[[:blank:]]*Alias' "$1"/*.service "$1"/*.service.d/*.conf |
        while IFS= read -r path; do
            sed -n -e :a -e '/\\$/{N;s/\\\n/ /;ba' -e '}' \
                -e 's/^[[:blank:]]*Alias[[:blank:]]*=/ /p' "$path" |
                tr -s '[:blank:]' '\n' | grep -qxF "$2" && printf '%s\n' "$path" || true
        done | sed -n 1p
}

if [ "$1" = install ] || [ "$1" = upgrade ]; then
    for unit in 'greenhouse-c\x2b\x2b.service' greenhouse.service greenhouse-vents.service; do
        if dpkg-query --listfiles greenhouse 2>/dev/null |
            grep -qxF "/usr/lib/systemd/system/$unit"; then
            continue
        fi
        for place in /etc/systemd/system.control /etc/systemd/system /etc/systemd/system.attached /run/systemd/transient /run/systemd/system /run/systemd/generator /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system /run/systemd/generator.late; do
            path=$(alias_in "$place" "$unit")
            if [ -n "$path" ]; then
                echo "greenhouse: $path: does not belong to greenhouse, and also gets" \
                    "the name $unit when enabled (Alias=); rename the service" >&2
                exit 1
            fi
            path=$place/$unit
            if [ "$1$place" = "install/etc/systemd/system" ] && [ -n "$2" ]; then
                continue
            elif [ "$(readlink "$path")" = /dev/null ]; then
                continue
            elif [ -s "$path" ] || [ -L "$path" ]; then
                echo "greenhouse: $path: does not belong to greenhouse; remove it," \
                    "or rename the service" >&2
                exit 1
            fi
        done
    done
fi

if [ "$1" = install ] && [ -L /opt/greenhouse/current ] && [ -d /opt/greenhouse/releases ]; then
    printf '%s\n' 'greenhouse: /opt/greenhouse: is installed by provision; run `provision uninstall greenhouse` first' >&2
    exit 1
fi

if [ "$1" = install ] || [ "$1" = upgrade ]; then
    python3 -I - /opt/greenhouse/etc/device.env '{"BROKER": {"pattern": "", "secret": false, "summary": ""}, "PASSWORD": {"pattern": "", "secret": true, "summary": ""}}' <<'END_OF_PYTHON'
provisioning/artifact/model/device.py
END_OF_PYTHON
fi

if [ "$1" = install ] || [ "$1" = upgrade ]; then
    if ! getent passwd greenhouse >/dev/null; then
        getent group greenhouse >/dev/null || addgroup --quiet --system greenhouse
        adduser --quiet --system --ingroup greenhouse --no-create-home --home /nonexistent greenhouse
    fi
fi

may_enter() {
    groups=$(id -G "$1" 2>/dev/null | tr ' ' ,)
    groups=${groups:-65534}
    setpriv --reuid="$1" --regid="${groups%%,*}" --groups="$groups" test -x "$2" 2>/dev/null
}
if [ "$1" = install ] || [ "$1" = upgrade ]; then
    for user in 1000 greenhouse; do
        may_enter "$user" / || continue  # here, nobody can become another
        for way in /opt /opt/greenhouse; do
            if [ -d "$way" ] && ! may_enter "$user" "$way"; then
                printf '%s: %s: its mode keeps out the user %s, who runs a service; %s\n' \
                    greenhouse "$way" "$user" '`chmod a+x` it' >&2
                exit 1
            fi
        done
    done
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
if [ "$1" = install ] || [ "$1" = upgrade ]; then
    [ "$1$2" != install ] || rm -f /opt/greenhouse/.provisioning/dpkg-found
    for path in /opt/greenhouse/var/log; do
        if [ -d "$path" ] && ! is_own "$path"; then
            mkdir -p /opt/greenhouse/.provisioning
            printf '%s\n' "$path" >>/opt/greenhouse/.provisioning/dpkg-found
        fi
    done
fi

if [ "$1" = install ] || [ "$1" = upgrade ]; then
    hook= cache=
    trap 'rm -rf "$hook" "$cache"' EXIT
    cache=$(mktemp -d)
    hook=$(mktemp)
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
        PROVISIONING_OLD_VERSION="${2%%-*}" \
        PROVISIONING_ACTION="$action" \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        LC_ALL=C.UTF-8 \
        PYTHONPYCACHEPREFIX="$cache" \
        timeout --kill-after=10 60 "$hook" </dev/null
fi

case "$1" in install | upgrade)
    (
package=greenhouse
root=/opt/greenhouse
begun=/opt/greenhouse/.provisioning/dpkg-begun
saved=/opt/greenhouse/.provisioning/dpkg-saved

conffiles() {
    cat <<'END_OF_PATHS/'
END_OF_PATHS/
}
links() {
    cat <<'END_OF_PATHS/'
/opt/greenhouse/bin/green house	../lib/main.py
END_OF_PATHS/
}
directories() {
    cat <<'END_OF_PATHS/'
/opt/greenhouse/bin
/opt/greenhouse/lib
/opt/greenhouse/var
/opt/greenhouse/var/log
END_OF_PATHS/
}

LC_ALL=C
export LC_ALL
control=${0%/*}  # where dpkg has put what it will unpack by
manifest=$root/.provisioning/manifest.json
case ",${DPKG_FORCE:-}," in *,conf*) answered=yes ;; *) answered= ;; esac
# Whether dpkg would ask, and nobody answer.
alone=
if [ -z "$answered" ]; then
    if [ ! -t 0 ] || [ "${DEBIAN_FRONTEND:-}" = noninteractive ]; then
        alone=yes
    fi
fi

exists() { [ -e "$1" ] || [ -L "$1" ]; }
is_file() { [ -f "$1" ] && [ ! -L "$1" ]; }
is_directory() { [ -d "$1" ] && [ ! -L "$1" ]; }
md5() { sum=$(md5sum <"$1") && printf '%s\n' "${sum%% *}"; }
sha256() { sum=$(sha256sum <"$1") && printf '%s\n' "${sum%% *}"; }
owned() { dpkg-query --listfiles "$package" 2>/dev/null; }
owns() { owned | grep -qxF -e "$1"; }
in_hand() {
    [ -f "$begun" ] && sed 's/^[a-z]* //' "$begun" | cut -f 1 | grep -qxF -e "$1"
}

note() {
    mkdir -p "$root/.provisioning"
    printf '%s\n' "$*" >>"$begun"
}
# A name that is short, and nobody else's: what stands in for a file is followed by dpkg to
# a name that is longer still.
name_for() {
    printf '%s/.%s-%s.dpkg-bak\n' "${1%/*}" "$package" "$(cat "$begun" 2>/dev/null | wc -l)"
}
aside() {
    aside=$(name_for "$2")
    note "$1 $2	$aside${3+	$3}"
    mv -T "$2" "$aside"
}
# Have dpkg find a link, which it leaves alone.
stand_in() { ln -s -- "${aside##*/}" "$1"; }
nothing() {
    aside=$(name_for "$2")
    note "$1 $2	$aside"
    mkdir -p "${2%/*}"
    stand_in "$2"
}

# What the new version has, of each kind and in all.
files() { [ ! -f "$control/md5sums" ] || sed 's,^.\{34\},/,' "$control/md5sums"; }
no_directories() {
    files
    conffiles | cut -d ' ' -f 2-
    links | cut -f 1
}
has() { { no_directories; directories; } | grep -qxF -e "$1"; }
has_directory() { directories | grep -qxF -e "$1"; }
# No program is run for it, as it is asked for each of them: twice as fast where there are many.
coming="
$(conffiles | cut -d ' ' -f 2-)
"
has_conffile() {
    case $coming in *"
$1
"*) return 0 ;; esac
    return 1
}
link_of() {
    links | while IFS='	' read -r path link; do
        if [ "$path" = "$1" ]; then
            printf '%s\n' "$link"
        fi
    done
}

# What the old version had: a line of its manifest, which spells a quotation mark in its own way.
spelt() { printf '%s\n' "$1" | sed 's/"/\\"/g'; }
held() { grep -sF -e "\"path\":\"$(spelt "${1#"$root"/}")\",$2" "$manifest"; }
old_sha256() {
    held "$1" '"size":' |
        sed -n 's/^{\("conffile":true,\)\{0,1\}"digest":"\([0-9a-f]*\)".*/\2/p'
}
was_link() {
    [ -L "$1" ] && held "$1" '"type":"link"}' |
        grep -qF -e "\"link\":\"$(spelt "$(readlink "$1")")\",\"owner\""
}

# What dpkg knows of configuration files: SUM PATH, or SUM:obsolete PATH.
known=$(
    dpkg-query --show --showformat='${Conffiles}\n' "$package" 2>/dev/null |
        sed -nE 's/^ (.*) ([0-9a-f]{32}|-|newconffile)( obsolete)?$/\2\3 \1/p' |
        sed 's/^\([^ ]*\) obsolete /\1:obsolete /'
)
known_as() {
    printf '%s\n' "$known" | while IFS= read -r line; do
        if [ "${line#* }" = "$1" ]; then
            printf '%s\n' "${line%% *}"
        fi
    done
}
is_unedited() {
    is_file "$1" || return 1
    [ "$(md5 "$1")" = "${2%:obsolete}" ] || [ "$(sha256 "$1")" = "$(old_sha256 "$1")" ]
}

# What is nobody's in a directory, or not this package's; Python's caches belong to what they cache.
foreign() {
    {
        find "$1" -name __pycache__ -prune -o ! -type d -print
        owned
        owned
    } | sort | uniq -u | grep -F -e "$1/" | sed 1q
}
edited_in() {
    printf '%s\n' "$known" | while IFS= read -r line; do
        case "${line#* }" in "$1"/*)
            if exists "${line#* }" && ! is_unedited "${line#* }" "${line%% *}"; then
                printf '%s\n' "${line#* }"
            fi
            ;;
        esac
    done
}
copy_edited() {
    edited_in "$1" | while IFS= read -r file; do
        copy=$1.dpkg-old/${file#"$1"/}
        mkdir -p "${copy%/*}"
        cp -a "$file" "$copy"
    done
}

# A directory goes: the first ones first, since others may be in them.
if [ -d "$root" ]; then
    {
        find -H "$root" -type d
        no_directories
    } | sort | uniq -d | while IFS= read -r path; do
        if in_hand "$path" || ! is_directory "$path"; then
            continue
        elif [ "$(known_as "$path")" ]; then  # somebody has made one of a configuration file
            if ! has_conffile "$path"; then
                aside saved "$path"
            fi
            continue
        fi
        stranger=$(foreign "$path")
        if has_conffile "$path" && { [ "$stranger" ] || [ "$(edited_in "$path")" ]; }; then
            note kept "$path"  # dpkg leaves it alone, and the new one beside it
            continue
        elif [ "$stranger" ]; then
            echo "$package: directory '$path' contains files not owned by package $package" \
                "($stranger), and is not a directory in this version; move them elsewhere" >&2
            exit 1
        elif [ "$(edited_in "$path")" ]; then
            if exists "$path.dpkg-old"; then
                echo "$package: $path.dpkg-old: is in the way; move it elsewhere" >&2
                exit 1
            fi
            note copied "$path.dpkg-old"
            copy_edited "$path"
        fi
        link=$(link_of "$path")
        if [ "$link" ]; then
            aside turned "$path" "$link"
            # In it, and not through the link, dpkg looks for what the old version had there.
            mkdir "$path"
        else
            aside moved "$path"
        fi
    done
fi

# A configuration file goes, or becomes something else.
printf '%s\n' "$known" | while IFS= read -r line; do
    path=${line#* } sum=${line%% *}
    if ! exists "$path" || in_hand "$path" || has_conffile "$path"; then
        continue
    elif is_unedited "$path" "$sum"; then
        if has_directory "$path"; then
            aside moved "$path"
        elif ! has "$path"; then
            note dropped "$path"
        fi
    elif has "$path"; then
        aside saved "$path"
    elif [ "$sum" = "${sum%:obsolete}" ]; then
        note idle "$path"
    fi
done

# A configuration file comes.
conffiles | while IFS= read -r line; do
    path=${line#* } new=${line%% *}
    sum=$(known_as "$path")
    if in_hand "$path"; then
        continue
    elif ! exists "$path"; then
        case "$sum" in
            '') ;;
            *:obsolete) nothing taken "$path" ;;
            *)
                if [ "$alone" ]; then
                    nothing gone "$path"
                fi
                ;;
        esac
        continue
    fi
    if is_file "$path" && [ "$(md5 "$path")" = "${sum%:obsolete}" ]; then
        continue  # dpkg has nothing to ask
    fi
    old=$(old_sha256 "$path") word=kept
    if [ "$old" = "$new" ]; then
        word=same
    fi
    if is_file "$path"; then
        now=$(sha256 "$path")
        if [ "$now" = "$new" ]; then
            continue
        elif [ "$now" = "$old" ] && [ "$sum" ]; then
            aside taken "$path"
            stand_in "$path"
        elif [ "$now" = "$old" ]; then
            aside moved "$path"
        elif [ -z "$sum" ]; then
            aside "$word" "$path"  # dpkg takes the new one for one that is new
        elif [ "$alone" ]; then
            aside "$word" "$path"
            stand_in "$path"
        fi
    elif [ -z "$sum" ] && was_link "$path"; then
        aside moved "$path"
    else
        note "$word" "$path"
    fi
done

# A directory or a link comes.
{
    directories
    links | cut -f 1
} | while IFS= read -r path; do
    if ! exists "$path" || is_directory "$path" || in_hand "$path"; then
        continue
    elif was_link "$path"; then
        if has_directory "$path"; then
            aside moved "$path"
        fi
    elif [ ! -d "$path" ] && ! owns "$path"; then
        aside saved "$path"
    fi
done
    )
    ;;
esac

exit 0
