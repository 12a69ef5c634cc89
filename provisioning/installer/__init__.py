"""What runs on the machine that a package is for: the standard library is all it needs."""
