"""The stage `archive`: members, chunks and formats."""
