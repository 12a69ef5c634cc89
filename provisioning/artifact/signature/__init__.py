"""Who made a release, and from what: signatures, keys that are trusted, provenance."""
