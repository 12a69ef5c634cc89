"""The commands of doit, a module each, imported only when called or listed."""
