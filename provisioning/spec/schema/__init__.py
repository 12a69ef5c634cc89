"""Which keys there are, what their values may look like, and how a wrong one is told."""
