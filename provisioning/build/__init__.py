"""From a variant to verified artifacts: layout, collect, render, pack, prove."""
