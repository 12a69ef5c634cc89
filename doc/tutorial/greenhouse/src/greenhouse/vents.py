"""Knows when the vents open and close: a thermostat with two thresholds."""

from __future__ import annotations


class Vents:
    """The state of the vents, which outlasts a reading: between the thresholds nothing moves."""

    def __init__(self, open_above: float, close_below: float) -> None:
        self.open_above = open_above
        self.close_below = close_below
        self.open = False

    def follow(self, temperature: float) -> bool:
        """Take a temperature in degrees Celsius into account; True when the vents are open."""
        if temperature > self.open_above:
            self.open = True
        elif temperature < self.close_below:
            self.open = False
        return self.open
