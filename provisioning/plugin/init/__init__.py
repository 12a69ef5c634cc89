"""Sets a project up: looks at what is there, and writes a dodo.py and a spec."""
