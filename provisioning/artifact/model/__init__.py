"""What a package says of itself: entries, package, manifest, and how they are spelt."""
