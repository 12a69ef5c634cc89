"""The Debian package (deb(5)): an ar of two tars, each in the one way in which it is spelt here."""
