"""Zip archives: their headers, and how they are read."""
