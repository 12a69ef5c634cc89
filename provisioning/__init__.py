"""Declarative, incremental, verified packages: one description, one contract, two wings."""

__version__ = "0.1.0"
