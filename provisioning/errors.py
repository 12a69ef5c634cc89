"""Knows what a fault of input, environment or files is called, in every wing."""


class ProvisioningError(Exception):
    """Something the user can act on: its text says where, what, and what to do.

    Whatever is not a `ProvisioningError` is a bug of this program.
    """


class ArtifactError(ProvisioningError):
    """An archive, manifest or index that is not what it should be."""


class BuildError(ProvisioningError):
    """A package that cannot be built from what lies on disk now."""


class TargetError(ProvisioningError):
    """Something on the target that does not go, or goes wrong: nothing was changed."""


class RefusedError(TargetError):
    """A package or a target that is not as it must be: nothing was changed."""


class FailedError(TargetError):
    """A change that went wrong after its commit: what was before is back."""


class LockedError(TargetError):
    """Another process is changing the same package."""
