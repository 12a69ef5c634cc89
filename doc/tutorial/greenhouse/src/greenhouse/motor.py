"""The relay that opens the vents, on a pin of a Raspberry Pi."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from gpiozero import Device, OutputDevice
from gpiozero.pins.mock import MockFactory

# lgpio, which drives the pins, puts its pipes here; the default is the working directory, and a
# service must not write to that.
os.environ.setdefault("LG_WD", tempfile.gettempdir())


def find_motor(pin: int) -> OutputDevice:
    """The relay on a pin, by Broadcom's number; a mock on a machine without pins, as a Mac."""
    if not any(Path("/dev").glob("gpiochip*")):
        Device.pin_factory = MockFactory()
    return OutputDevice(pin)
