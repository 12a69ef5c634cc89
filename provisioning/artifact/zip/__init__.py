"""Zip archives: how their headers are spelt, and how they are read."""
