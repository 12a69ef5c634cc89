"""Knows which key people mean who know it by the name that another packager gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.spec.near import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Collection

# Of nFPM, rules_pkg, systemd, docker-compose and others, each with ours, the likelier first.
_OURS = {
    **dict.fromkeys(("file", "source", "path", "from", "srcs"), ("src",)),
    **dict.fromkeys(("to", "dest", "destination", "target", "install_path"), ("dst", "link")),
    **dict.fromkeys(("symlink", "ln"), ("link",)),
    **dict.fromkeys(("directory", "folder", "mkdir"), ("dir", "directory")),
    **dict.fromkeys(("permissions", "perm", "perms", "chmod"), ("mode",)),
    **dict.fromkeys(("ignore", "excludes"), ("exclude",)),
    **dict.fromkeys(("config", "conf", "noreplace"), ("conffile",)),
    **dict.fromkeys(("user", "uid"), ("owner",)),
    "gid": ("group",),
    **dict.fromkeys(("command", "cmd", "run", "execstart", "program"), ("exec", "run")),
    **dict.fromkeys(("env", "environ"), ("environment",)),
    **dict.fromkeys(("cwd", "workdir", "working_directory"), ("directory",)),
    **dict.fromkeys(("healthcheck", "check"), ("health",)),
    **dict.fromkeys(("files", "content", "sources"), ("contents",)),
    **dict.fromkeys(("vars", "values", "params"), ("variables",)),
    **dict.fromkeys(("description", "desc"), ("summary",)),
    **dict.fromkeys(("scripts", "postinstall", "preinstall"), ("hooks",)),
    **dict.fromkeys(("depends", "dependencies", "recommends", "section"), ("debian",)),
    "targets": ("platforms",),
}


def meant_by(key: str, known: Collection[str]) -> str | None:
    """Return the known key that `key` is most likely meant to be; None if none is like it."""
    if key in known:
        return key
    ours = (each for each in _OURS.get(key.casefold(), ()) if each in known)
    return next(ours, None) or nearest(key, known)


def suggestion(key: str, known: Collection[str]) -> str:
    """Return "did you mean …?" with that key, else all known keys."""
    if odd := next((each for each in key if each.isspace() and each not in " \t\n"), ""):
        return f"U+{ord(odd):04X} is no space to YAML, but a part of the key; write an ordinary one"
    meant = meant_by(key, known)
    return f"did you mean {meant}?" if meant else did_you_mean(key, known)
