"""Debian packages: what dpkg can hold, the control member, and how they are read."""
