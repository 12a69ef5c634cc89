"""What a Debian package has besides the package: scripts for dpkg, units, documents."""
