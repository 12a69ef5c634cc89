"""From a variant to verified artifacts, a room for each stage."""
