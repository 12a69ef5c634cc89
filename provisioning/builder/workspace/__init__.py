"""What lies below `artifacts/`, finished and in the making, and how it gets its names."""
