"""What all tests share: no bound on the time of an example, and doits that are not measured."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# A loaded machine is no fault of the code; what must be fast is measured where it is promised.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@contextmanager
def unmeasured() -> Iterator[None]:
    """Have coverage pass over the processes that are started here: it costs more than they do.

    For what prepares a test, and for what other tests have measured.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield
