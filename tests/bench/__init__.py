"""Benchmarks: this tool against what its user would run instead. `doit bench` runs them."""
