"""Python dependencies of a package: what a lock holds for a target."""
