"""The keys of etc/greenhouse.ini and their types."""

from __future__ import annotations

import configparser
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class ConfigError(Exception):
    """A configuration that the controller cannot start with."""


class Config(NamedTuple):
    """etc/greenhouse.ini, read and typed; temperatures in degrees Celsius."""

    host: str
    port: int
    driver: str
    open_above: float
    close_below: float


def load(path: Path) -> Config:
    """Read the configuration; raises `ConfigError` with the file and key that are wrong."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
        return Config(
            host=parser["server"]["host"],
            port=parser.getint("server", "port"),
            driver=parser["sensor"]["driver"],
            open_above=parser.getfloat("vents", "open_above"),
            close_below=parser.getfloat("vents", "close_below"),
        )
    except OSError as fault:
        raise ConfigError(f"{path}: {fault.strerror}") from fault
    except ValueError as fault:
        raise ConfigError(f"{path}: {fault}") from fault
    except (KeyError, configparser.Error) as fault:
        raise ConfigError(f"{path}: is incomplete or not an INI file: {fault}") from fault
