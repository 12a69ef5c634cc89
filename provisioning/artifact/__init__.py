"""The contract between building and installing: what a package is, byte for byte."""
