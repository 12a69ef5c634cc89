"""Which keys there are, what their values may look like, and what to write instead."""
