"""Temperature sensors: drivers, selected by name in the configuration."""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable

from greenhouse.config import ConfigError

Read = Callable[[], float]  # degrees Celsius; OSError when the sensor does not answer


def find(driver: str) -> Read:
    """The reading function of a driver; raises `ConfigError` if the package lacks it."""
    if driver == "simulated":
        return simulated
    if driver != "gpio":
        raise ConfigError(f"sensor driver {driver!r} is unknown; use simulated or gpio")
    try:
        # Imported by name, because only the package for the Raspberry Pi holds it.
        gpio = importlib.import_module("greenhouse.gpio")
    except ModuleNotFoundError as fault:
        raise ConfigError("sensor driver gpio is not part of this machine's package") from fault
    read: Read = gpio.read
    return read


def simulated() -> float:
    """A simulated day that lasts an hour: 14 to 30 degrees, warmest at half past the hour."""
    return round(22 - 8 * math.cos(2 * math.pi * time.time() / 3600), 1)
