"""The errors that a user can cause, in every wing."""


class ProvisioningError(Exception):
    """An error that the user can act on: its text says where, what, and what to do.

    Whatever is not a `ProvisioningError` is a bug of this program.
    """


class ArtifactError(ProvisioningError):
    """An archive, manifest or index that is not what it should be."""


class BuildError(ProvisioningError):
    """A package that cannot be built from the files as they are."""


class TargetError(ProvisioningError):
    """Something on the target failed; nothing was changed."""


class RefusedError(TargetError):
    """A package or a target does not meet the requirements; nothing was changed."""


class FailedError(TargetError):
    """A change failed after its commit, and was rolled back."""


class LockedError(TargetError):
    """Another process is changing the same package."""
