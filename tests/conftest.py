"""What all tests share: no bound on the time of one example."""

from __future__ import annotations

from hypothesis import settings

# A loaded machine is no fault of the code; what must be fast is measured where it is promised.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
