"""Who made a release: signatures of SSH keys, and the keys that are trusted."""
