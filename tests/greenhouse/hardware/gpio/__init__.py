"""Reads a DS18B20 thermometer on the 1-Wire pin of a Raspberry Pi.

The kernel's driver does the work (Documentation/w1/slaves/w1_therm.rst):
every sensor is a directory whose file `temperature` contains millidegrees Celsius.
"""

from __future__ import annotations

from pathlib import Path

DEVICES = Path("/sys/bus/w1/devices")
DS18B20 = "28-*"  # 28 is the family code of the chip


def read(devices: Path = DEVICES) -> float:
    """The first sensor's temperature in degrees Celsius; raises `OSError` if there is none."""
    for sensor in sorted(devices.glob(DS18B20)):
        return int((sensor / "temperature").read_text()) / 1000
    raise FileNotFoundError(f"no DS18B20 in {devices}; is dtoverlay=w1-gpio set?")
