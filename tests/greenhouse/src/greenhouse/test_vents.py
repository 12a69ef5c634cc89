"""Tests of the vents; the spec's `exclude` leaves this file out of every package."""

from __future__ import annotations

import unittest

from greenhouse.vents import Vents


class VentsTest(unittest.TestCase):
    def test_they_open_above_the_upper_threshold(self) -> None:
        assert Vents(26, 22).follow(26.5)

    def test_they_stay_open_between_the_thresholds(self) -> None:
        vents = Vents(26, 22)
        vents.follow(27)
        assert vents.follow(24)

    def test_they_close_below_the_lower_threshold(self) -> None:
        vents = Vents(26, 22)
        vents.follow(27)
        assert not vents.follow(21.9)
