"""All faults that are survived, by occasion, with the guards against each."""

from __future__ import annotations

from .building import BUILDING
from .collecting import COLLECTING
from .configuring import CONFIGURING
from .describing import DESCRIBING
from .fetching import FETCHING
from .installing import INSTALLING
from .leaving import LEAVING
from .running import RUNNING
from .telling import TELLING
from .trusting import TRUSTING
from .unpacking import UNPACKING
from .verifying import VERIFYING
from .versioning import VERSIONING

GROUPS = (
    DESCRIBING,
    VERSIONING,
    FETCHING,
    COLLECTING,
    BUILDING,
    VERIFYING,
    TRUSTING,
    UNPACKING,
    INSTALLING,
    LEAVING,
    CONFIGURING,
    RUNNING,
    TELLING,
)
GUARDS = [guard for group in GROUPS for fault in group.faults for guard in fault.guards]
SWEEPS = [sweep for group in GROUPS for fault in group.faults for sweep in fault.sweeps]
