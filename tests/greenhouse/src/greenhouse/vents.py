"""A thermostat with two thresholds: when the vents open and close."""

from __future__ import annotations


class Vents:
    """The state of the vents, which does not change between the two thresholds."""

    def __init__(self, open_above: float, close_below: float) -> None:
        self.open_above = open_above
        self.close_below = close_below
        self.open = False

    def follow(self, temperature: float) -> bool:
        """Process a temperature in degrees Celsius; return True if the vents are open."""
        if temperature > self.open_above:
            self.open = True
        elif temperature < self.close_below:
            self.open = False
        return self.open
