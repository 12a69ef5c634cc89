"""Tests of signatures, and of the keys that are trusted."""
