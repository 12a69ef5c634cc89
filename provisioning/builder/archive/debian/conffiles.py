"""The shell code that keeps edited configuration files when a Debian package is upgraded.

It is the same in every package, after the names at its beginning. dash, bash and busybox run it,
and it calls only programs that every Debian has (Essential: yes). Names are bytes to it: any but
control characters and the backslash.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from provisioning.artifact.model.entry import DIR, LINK, RESERVED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provisioning.builder.archive.debian.extras import DebSource

BEGIN = r"""
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
"""  # guard: deb-begins

END = r"""
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
"""  # guard: deb-ends

PURGE = r"""
if [ "$1" = purge ] && [ -f "$saved" ]; then
    while IFS= read -r path; do
        rm -rf "$path"
    done <"$saved"
    rm "$saved"
fi
"""

BEGUN = f"{RESERVED}/dpkg-begun"
SAVED = f"{RESERVED}/dpkg-saved"
"""Below the prefix: what was edited and saved, for a purge to remove."""

_END = "END_OF_PATHS/"  # which no line is: no path ends in a slash


def begin(described: DebSource) -> Iterator[str]:
    """Move away what is in the way, before anything is unpacked."""
    entries, root = described.manifest.entries, described.manifest.package.prefix
    conffiles = (f"{entry.digest} {root}/{entry.path}" for entry in entries if entry.conffile)
    links = (f"{root}/{entry.path}\t{entry.link}" for entry in entries if entry.type == LINK)
    directories = (f"{root}/{entry.path}" for entry in entries if entry.type == DIR)
    lists = {"conffiles": conffiles, "links": links, "directories": directories}
    told = "".join(_function(name, lines) for name, lines in lists.items())
    yield _when("install | upgrade", f"{_names(described)}\n{told}{BEGIN}")


def finish(described: DebSource) -> Iterator[str]:
    """Finish what was begun."""
    yield _when("configure", f"{_names(described)}{END}each finish\n")


def undo(described: DebSource) -> Iterator[str]:
    """Undo what was begun and will not be finished; on a purge, remove what was saved."""
    names = _names(described)
    yield _when("abort-install | abort-upgrade", f"{names}{END}each undo\n")  # guard: deb-undoes
    yield _when("remove | disappear | purge", f"{names}{END}each leave\n{PURGE}")


def _when(arguments: str, text: str) -> str:
    """The text in a subshell, for these arguments of the script."""
    return f'case "$1" in {arguments})\n    (\n{text}    )\n    ;;\nesac\n'


def _names(described: DebSource) -> str:
    package = described.manifest.package
    return "".join(
        f"{name}={quote(value)}\n"
        for name, value in (
            ("package", package.name),
            ("root", package.prefix),
            ("begun", f"{package.prefix}/{BEGUN}"),
            ("saved", f"{package.prefix}/{SAVED}"),
        )
    )


def _function(name: str, lines: Iterable[str]) -> str:
    """A function that prints lines."""
    text = "".join(f"{line}\n" for line in lines)
    return f"{name}() {{\n    cat <<'{_END}'\n{text}{_END}\n}}\n"
