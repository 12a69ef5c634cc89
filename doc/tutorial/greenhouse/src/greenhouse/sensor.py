"""Temperature sensors: drivers, selected by name in the configuration."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

from greenhouse.config import ConfigError

Read = Callable[[], float]  # degrees Celsius; OSError when the sensor does not answer

DEVICES = Path("/sys/bus/w1/devices")
DS18B20 = "28-*"  # 28 is the family code of the chip


def find_sensor(driver: str) -> Read:
    """The reading function of a driver; raises `ConfigError` if there is none."""
    drivers: dict[str, Read] = {"simulated": simulated, "ds18b20": ds18b20}
    if driver not in drivers:
        raise ConfigError(f"sensor driver {driver!r} is unknown; use {' or '.join(drivers)}")
    return drivers[driver]


def simulated() -> float:
    """A simulated day that lasts an hour: 14 to 30 degrees, warmest at half past the hour."""
    return round(22 - 8 * math.cos(2 * math.pi * time.time() / 3600), 1)


def ds18b20(devices: Path = DEVICES) -> float:
    """The first thermometer on the 1-Wire pin; raises `OSError` if there is none.

    The kernel's driver does the work (Documentation/w1/slaves/w1_therm.rst):
    every sensor is a directory whose file `temperature` contains millidegrees Celsius.
    """
    for sensor in sorted(devices.glob(DS18B20)):
        return int((sensor / "temperature").read_text(encoding="utf-8")) / 1000
    raise FileNotFoundError(f"no DS18B20 in {devices}; is dtoverlay=w1-gpio set?")
