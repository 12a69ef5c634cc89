"""Declarative, incremental, verified packages: one description, one contract, two wings."""
