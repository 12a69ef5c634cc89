"""The command `provision`, a module for each of its commands."""
