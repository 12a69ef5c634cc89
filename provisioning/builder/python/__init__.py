"""Python dependencies: wheels fetched, unpacked once in a cache, and gathered for a package."""
