"""Tar archives made of chunks: headers, members, where they are cut, how they are read."""
