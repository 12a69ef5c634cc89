"""Where a variant is built: the paths of what its stages write, and the lock on them."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioning.artifact.formats import DEB
from provisioning.artifact.model import release
from provisioning.artifact.model.entry import TOOL
from provisioning.artifact.model.package import Package
from provisioning.artifact.model.release import artifacts as artifacts_in
from provisioning.artifact.model.sums import SIGNATURE, SUMS
from provisioning.builder.archive.debian import fields
from provisioning.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioning.spec.model.variant import Variant

BASIS = "basis.json"
ARTIFACTS = "artifacts"  # beside the dodo.py, in every project


def releases(artifacts: str, name: str, platform: str) -> list[Path]:
    """Directories that are named like releases of a package and hold artifacts, the latest first.

    The version is between the two names, and nothing shows where it begins: one may belong to
    another package, `greenhouse-extra` for `greenhouse`.
    """
    named = Path(artifacts).glob(f"{escape(name)}-*-{escape(platform)}")
    found = [path for path in named if path.is_dir() and artifacts_in(path)]
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)


_NOT_OURS_TO_WRITE = {errno.EROFS, errno.EACCES, errno.EPERM}
_WORK = ".work"  # below artifacts/: what the stages hand to each other


class Workspace(NamedTuple):
    """The files of one variant.

    `work` holds what the stages hand to each other; `release` the result: the artifacts and, beside
    them, all that proves them. `chunks` is the store that all variants share.
    """

    variant: Variant
    package: Package
    work: Path
    release: Path
    chunks: Path

    @property
    def collected(self) -> Path:
        """The digest of the listing that the collect stage wrote."""
        return self.work / "collect.json"

    def depending_as(self, package: Package) -> Workspace:
        """The same, of the package that depends on what this one does."""
        return self._replace(package=self.package._replace(debian=package.debian))

    @property
    def listings(self) -> Path:
        """The directory with the listings of all variants."""
        return self.chunks.with_name("listings")

    def listing(self, content: str) -> Path:
        """The listing with this digest."""
        return self.listings / f"{content}.json"

    def groups(self, content: str) -> Path:
        """How the entries of the listing with this digest were divided into chunks."""
        return self.listings / f"{content}.{self.package.name}.groups"

    @property
    def rendered(self) -> Path:
        """The directory that mirrors the package with the files made from templates."""
        return self.work / "render"

    @property
    def basis(self) -> Path:
        """The digest of the listing that the collect stage has changed to get this one."""
        return self.work / BASIS

    @property
    def builds(self) -> Path:
        """What the last builds made."""
        return self.work / "builds.json"

    @property
    def handed(self) -> tuple[str, ...]:
        """The names of the files that lie in `work` for other stages, and for reports."""
        return (self.collected.name, BASIS, self.builds.name)

    @property
    def lock_file(self) -> Path:
        """The file that a process locks while it changes these files."""
        # Beside the directory, since `doit clean` removes that; a lock must never be removed.
        return self.work.with_name(f"{self.work.name}.lock")

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats of the package."""
        return self.variant.formats

    def artifact(self, format: str) -> Path:
        """The package itself, in one of its formats."""
        return self.release / release.artifact_name(self.package, format)

    @property
    def artifacts(self) -> list[Path]:
        """The package in all of its formats."""
        return [self.artifact(format) for format in self.formats]

    @property
    def manifest(self) -> Path:
        """The entries of the package."""
        return self.release / release.manifest_name(self.package)

    @property
    def packed(self) -> list[Path]:
        """The files that the archive stage leaves."""
        names = (name for each in self.formats for name in release.files(self.package, each))
        return [*(self.release / name for name in names), self.manifest]

    @property
    def provenance(self) -> Path:
        """What the others were built from."""
        return self.release / release.provenance_name(self.package)

    @property
    def bill(self) -> Path:
        """What it contains, for people who ask for vulnerabilities and licences."""
        return self.release / release.bill_name(self.package)

    @property
    def sums(self) -> Path:
        """The digests of the others, as sha256sum(1) reads them; written last."""
        return self.release / SUMS

    @property
    def signature(self) -> Path:
        """The signature of the digests, where the project signs."""
        return self.release / SIGNATURE

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only process that changes these files; wait for another that does.

        Raises:
            BuildError: a link stands where a directory should, and would lead writes elsewhere.
        """
        for directory in (
            self.work.parent,
            self.work,
            self.rendered,
            self.release,
            self.chunks,
        ):
            if directory.is_symlink():
                raise BuildError(f"{directory}: a symbolic link, not a directory; remove it")
        descriptor = self._open_lock()
        if descriptor is None:
            yield
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # guard: lock-of-a-build-directory
            yield
        finally:
            os.close(descriptor)

    def _open_lock(self) -> int | None:
        """The file to lock; None if there is none and none can be made."""
        flags = os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            # Rendered files are there with arbitrary modes, and may hold secrets.
            self.work.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.work.mkdir(parents=True, exist_ok=True)
            return os.open(self.lock_file, os.O_RDWR | os.O_CREAT | flags, 0o666)
        except OSError as error:
            if error.errno not in _NOT_OURS_TO_WRITE:  # guard: read-only-lock
                raise
        # Reading needs no more; writing fails later, with a message of its own.
        with suppress(OSError):
            return os.open(self.lock_file, os.O_RDONLY | flags)
        return None


def workspace(variant: Variant, artifacts: str) -> Workspace:
    """Where `variant` is built below the directory `artifacts`."""
    package = package_of(variant)
    return Workspace(
        variant=variant,
        package=package,
        work=Path(artifacts, _WORK, variant.name, variant.platform),
        release=Path(artifacts, release.stem(package)),
        chunks=chunks(artifacts),
    )


def package_of(variant: Variant) -> Package:
    """The package of a variant as in the manifest, except what follows from the entries."""
    package = Package(
        name=variant.name,
        version=variant.version,
        platform=variant.platform,
        os=variant.os,
        arch=variant.arch,
        prefix=variant.prefix,
        summary=variant.summary,
        license=variant.license,
        maintainer=variant.maintainer,
        service_manager=variant.service_manager,
        services=tuple(each.service for each in variant.services),
        hooks=tuple(each.hook for each in variant.hooks),
        device=variant.device,
        debian=tuple(sorted(variant.debian.items())),
        python=variant.python,
    )
    return fields.complete(package) if DEB in variant.formats else package


def database(artifacts: str) -> Path:
    """Where doit keeps its records of finished tasks."""
    return Path(artifacts, _WORK, "doit.sqlite")


def digests(artifacts: str) -> Path:
    """Where the digests of files are remembered."""
    return Path(artifacts, _WORK, "digests.sqlite")


def tool(artifacts: str) -> Path:
    """Where the tool lies that every package brings along."""
    return Path(artifacts, _WORK, TOOL)


def chunks(artifacts: str) -> Path:
    """Where compressed chunks are kept for the builds to come."""
    return Path(artifacts, _WORK, "chunks")


def specs(artifacts: str) -> Path:
    """Where the contents of the specs are remembered."""
    return Path(artifacts, _WORK, "specs.sqlite")


def seen(artifacts: str) -> Path:
    """Where the lists of files are remembered."""
    return Path(artifacts, _WORK, "seen")


def anew(artifacts: str) -> Path:
    """Where it is counted how often everything that was remembered was discarded."""
    return Path(artifacts, _WORK, "anew")
