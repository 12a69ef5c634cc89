"""Knows what a fault of input, environment or files is called, in every wing."""


class ProvisioningError(Exception):
    """Something the user can act on: its text says where, what, and what to do.

    Whatever is not a `ProvisioningError` is a bug of this program.
    """


class ArtifactError(ProvisioningError):
    """An archive, manifest or index that is not what it should be."""


class BuildError(ProvisioningError):
    """A package that cannot be built from what lies on disk now."""
